;; Resizes rows of bytes as OpenCV's bilinear resize does, in its fixed point: weights of 11 bits, a
;; horizontal pass of which 4 bits are dropped, a vertical pass of which 16 and then 2 are dropped.
;; `npm run build:wasm` makes resize.wasm of this file.
;;
;; All places are addresses in the one memory, which resize-kernel.ts lays out. Counts of pixels are
;; rounded up to multiples of 16 by the caller, who has room for what is written past the end.
;;
;; A tap is 8 bytes for each output pixel: the place of the first of its two neighbours in the row
;; (i32), and the weights of both (i16, i16).
;; A line is a row after the horizontal pass: i32 with the value in the lower 15 bits, so that a dot
;; product with (weight, 0) is a product of 32 bits. RGB has four of them a pixel, the last unused.
(module
  (memory (export "memory") 1)

  ;; The horizontal pass over a row of RGB.
  (func (export "sampleRgb")
    (param $row i32) (param $taps i32) (param $count i32) (param $line i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $taps) (i32.shl (local.get $count) (i32.const 3))))
    (loop $pixels
      (v128.store (local.get $line)
        (call $sample
          (i32.add (local.get $row) (i32.load (local.get $taps)))
          (v128.load32_splat offset=4 (local.get $taps))))
      (v128.store offset=16 (local.get $line)
        (call $sample
          (i32.add (local.get $row) (i32.load offset=8 (local.get $taps)))
          (v128.load32_splat offset=12 (local.get $taps))))
      (local.set $line (i32.add (local.get $line) (i32.const 32)))
      (local.set $taps (i32.add (local.get $taps) (i32.const 16)))
      (br_if $pixels (i32.lt_u (local.get $taps) (local.get $end)))))

  ;; R, G and B between two pixels: (first · weight + second · weight) >> 4.
  (func $sample (param $pixels i32) (param $weights v128) (result v128)
    (i32x4.shr_u
      (i32x4.dot_i16x8_s
        ;; R of both as i16, then G, then B.
        (i8x16.swizzle
          (v128.load64_zero (local.get $pixels))
          (v128.const i8x16 0 -1 3 -1 1 -1 4 -1 2 -1 5 -1 -1 -1 -1 -1))
        (local.get $weights))
      (i32.const 4)))

  ;; The horizontal pass over a row of grey.
  (func (export "sampleGrey")
    (param $row i32) (param $taps i32) (param $count i32) (param $line i32)
    (local $end i32) (local $pixel i32)
    (local.set $end (i32.add (local.get $taps) (i32.shl (local.get $count) (i32.const 3))))
    (loop $pixels
      (local.set $pixel (i32.add (local.get $row) (i32.load (local.get $taps))))
      (i32.store (local.get $line)
        (call $between
          (i32.load8_u (local.get $pixel))
          (i32.load8_u offset=1 (local.get $pixel))
          (local.get $taps)))
      (local.set $line (i32.add (local.get $line) (i32.const 4)))
      (local.set $taps (i32.add (local.get $taps) (i32.const 8)))
      (br_if $pixels (i32.lt_u (local.get $taps) (local.get $end)))))

  ;; The horizontal pass over a row of RGB, of which grey is mixed.
  (func (export "sampleMixed")
    (param $row i32) (param $taps i32) (param $count i32) (param $line i32)
    (local $end i32) (local $pixel i32)
    (local.set $end (i32.add (local.get $taps) (i32.shl (local.get $count) (i32.const 3))))
    (loop $pixels
      (local.set $pixel (i32.add (local.get $row) (i32.load (local.get $taps))))
      (i32.store (local.get $line)
        (call $between
          (call $mix (local.get $pixel))
          (call $mix (i32.add (local.get $pixel) (i32.const 3)))
          (local.get $taps)))
      (local.set $line (i32.add (local.get $line) (i32.const 4)))
      (local.set $taps (i32.add (local.get $taps) (i32.const 8)))
      (br_if $pixels (i32.lt_u (local.get $taps) (local.get $end)))))

  (func $between (param $first i32) (param $second i32) (param $tap i32) (result i32)
    (i32.shr_u
      (i32.add
        (i32.mul (local.get $first) (i32.load16_u offset=4 (local.get $tap)))
        (i32.mul (local.get $second) (i32.load16_u offset=6 (local.get $tap))))
      (i32.const 4)))

  ;; The grey that OpenCV mixes: 0.299 R + 0.587 G + 0.114 B in 15 bits.
  (func $mix (param $pixel i32) (result i32)
    (i32.shr_u
      (i32.add
        (i32.add
          (i32.mul (i32.load8_u (local.get $pixel)) (i32.const 9798))
          (i32.mul (i32.load8_u offset=1 (local.get $pixel)) (i32.const 19235)))
        (i32.add
          (i32.mul (i32.load8_u offset=2 (local.get $pixel)) (i32.const 3735))
          (i32.const 16384)))
      (i32.const 15)))

  ;; The vertical pass between two lines of RGB, into three planes of bytes.
  (func (export "blendRgb")
    (param $upper i32) (param $lower i32) (param $upperWeight i32) (param $lowerWeight i32)
    (param $count i32) (param $out i32) (param $planeBytes i32)
    (local $a v128) (local $b v128) (local $end i32)
    (local $p v128) (local $q v128) (local $r v128) (local $s v128)
    (local $pq v128) (local $rs v128)
    (local.set $a (i32x4.splat (local.get $upperWeight)))
    (local.set $b (i32x4.splat (local.get $lowerWeight)))
    (local.set $end (i32.add (local.get $out) (local.get $count)))
    (loop $pixels
      (local.set $p (call $fourOfEach
        (local.get $upper) (local.get $lower) (local.get $a) (local.get $b)))
      (local.set $q (call $fourOfEach
        (i32.add (local.get $upper) (i32.const 64)) (i32.add (local.get $lower) (i32.const 64))
        (local.get $a) (local.get $b)))
      (local.set $r (call $fourOfEach
        (i32.add (local.get $upper) (i32.const 128)) (i32.add (local.get $lower) (i32.const 128))
        (local.get $a) (local.get $b)))
      (local.set $s (call $fourOfEach
        (i32.add (local.get $upper) (i32.const 192)) (i32.add (local.get $lower) (i32.const 192))
        (local.get $a) (local.get $b)))
      ;; Eight of R and eight of G each.
      (local.set $pq (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23
        (local.get $p) (local.get $q)))
      (local.set $rs (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23
        (local.get $r) (local.get $s)))
      (v128.store (local.get $out)
        (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $pq) (local.get $rs)))
      (v128.store (i32.add (local.get $out) (local.get $planeBytes))
        (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31
          (local.get $pq) (local.get $rs)))
      (v128.store (i32.add (local.get $out) (i32.shl (local.get $planeBytes) (i32.const 1)))
        (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23
          (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31
            (local.get $p) (local.get $q))
          (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31
            (local.get $r) (local.get $s))))
      (local.set $upper (i32.add (local.get $upper) (i32.const 256)))
      (local.set $lower (i32.add (local.get $lower) (i32.const 256)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (br_if $pixels (i32.lt_u (local.get $out) (local.get $end)))))

  ;; The vertical pass between two lines of RGB, into pixels of RGB.
  (func (export "blendPixels")
    (param $upper i32) (param $lower i32) (param $upperWeight i32) (param $lowerWeight i32)
    (param $count i32) (param $out i32)
    (local $a v128) (local $b v128) (local $end i32)
    (local.set $a (i32x4.splat (local.get $upperWeight)))
    (local.set $b (i32x4.splat (local.get $lowerWeight)))
    (local.set $end (i32.add (local.get $upper) (i32.shl (local.get $count) (i32.const 4))))
    (loop $pixels
      ;; Four pixels of three bytes each; the next four overwrite the rest.
      (v128.store (local.get $out)
        (i8x16.swizzle
          (call $sixteen (local.get $upper) (local.get $lower) (local.get $a) (local.get $b))
          (v128.const i8x16 0 1 2 4 5 6 8 9 10 12 13 14 -1 -1 -1 -1)))
      (local.set $upper (i32.add (local.get $upper) (i32.const 64)))
      (local.set $lower (i32.add (local.get $lower) (i32.const 64)))
      (local.set $out (i32.add (local.get $out) (i32.const 12)))
      (br_if $pixels (i32.lt_u (local.get $upper) (local.get $end)))))

  ;; Four pixels as bytes: four of R, of G, of B, and four that are not used.
  (func $fourOfEach
    (param $upper i32) (param $lower i32) (param $a v128) (param $b v128) (result v128)
    (i8x16.swizzle
      (call $sixteen (local.get $upper) (local.get $lower) (local.get $a) (local.get $b))
      (v128.const i8x16 0 4 8 12 1 5 9 13 2 6 10 14 3 7 11 15)))

  ;; The vertical pass between two lines of grey.
  (func (export "blendGrey")
    (param $upper i32) (param $lower i32) (param $upperWeight i32) (param $lowerWeight i32)
    (param $count i32) (param $out i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $out) (local.get $count)))
    (loop $pixels
      (v128.store (local.get $out)
        (call $sixteen
          (local.get $upper) (local.get $lower)
          (i32x4.splat (local.get $upperWeight)) (i32x4.splat (local.get $lowerWeight))))
      (local.set $upper (i32.add (local.get $upper) (i32.const 64)))
      (local.set $lower (i32.add (local.get $lower) (i32.const 64)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (br_if $pixels (i32.lt_u (local.get $out) (local.get $end)))))

  ;; Sixteen values of two lines as bytes: ((a · upper >> 16) + (b · lower >> 16) + 2) >> 2.
  (func $sixteen
    (param $upper i32) (param $lower i32) (param $a v128) (param $b v128) (result v128)
    (i8x16.narrow_i16x8_u
      (call $eight
        (call $blend
          (v128.load (local.get $upper)) (v128.load (local.get $lower))
          (local.get $a) (local.get $b))
        (call $blend
          (v128.load offset=16 (local.get $upper)) (v128.load offset=16 (local.get $lower))
          (local.get $a) (local.get $b)))
      (call $eight
        (call $blend
          (v128.load offset=32 (local.get $upper)) (v128.load offset=32 (local.get $lower))
          (local.get $a) (local.get $b))
        (call $blend
          (v128.load offset=48 (local.get $upper)) (v128.load offset=48 (local.get $lower))
          (local.get $a) (local.get $b)))))

  (func $blend (param $upper v128) (param $lower v128) (param $a v128) (param $b v128) (result v128)
    (i32x4.add
      (i32x4.shr_u (i32x4.dot_i16x8_s (local.get $upper) (local.get $a)) (i32.const 16))
      (i32x4.shr_u (i32x4.dot_i16x8_s (local.get $lower) (local.get $b)) (i32.const 16))))

  (func $eight (param $four v128) (param $others v128) (result v128)
    (i16x8.shr_u
      (i16x8.add
        (i16x8.narrow_i32x4_s (local.get $four) (local.get $others))
        (v128.const i16x8 2 2 2 2 2 2 2 2))
      (i32.const 2)))

  ;; A row of RGB into three planes of bytes, unchanged.
  (func (export "splitRgb")
    (param $row i32) (param $count i32) (param $out i32) (param $planeBytes i32)
    (local $end i32) (local $a v128) (local $b v128) (local $c v128)
    (local.set $end (i32.add (local.get $out) (local.get $count)))
    (loop $pixels
      (local.set $a (v128.load (local.get $row)))
      (local.set $b (v128.load offset=16 (local.get $row)))
      (local.set $c (v128.load offset=32 (local.get $row)))
      (v128.store (local.get $out)
        (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 17 20 23 26 29
          (i8x16.shuffle 0 3 6 9 12 15 18 21 24 27 30 0 0 0 0 0 (local.get $a) (local.get $b))
          (local.get $c)))
      (v128.store (i32.add (local.get $out) (local.get $planeBytes))
        (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 18 21 24 27 30
          (i8x16.shuffle 1 4 7 10 13 16 19 22 25 28 31 0 0 0 0 0 (local.get $a) (local.get $b))
          (local.get $c)))
      (v128.store (i32.add (local.get $out) (i32.shl (local.get $planeBytes) (i32.const 1)))
        (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 16 19 22 25 28 31
          (i8x16.shuffle 2 5 8 11 14 17 20 23 26 29 0 0 0 0 0 0 (local.get $a) (local.get $b))
          (local.get $c)))
      (local.set $row (i32.add (local.get $row) (i32.const 48)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (br_if $pixels (i32.lt_u (local.get $out) (local.get $end)))))

  ;; Bytes as float32 in 0…1.
  (func (export "toFloats") (param $bytes i32) (param $count i32) (param $floats i32)
    (local $end i32) (local $low v128) (local $high v128)
    (local.set $end (i32.add (local.get $bytes) (local.get $count)))
    (loop $values
      (local.set $low (i16x8.extend_low_i8x16_u (v128.load (local.get $bytes))))
      (local.set $high (i16x8.extend_high_i8x16_u (v128.load (local.get $bytes))))
      (v128.store (local.get $floats) (call $shares (i32x4.extend_low_i16x8_u (local.get $low))))
      (v128.store offset=16 (local.get $floats)
        (call $shares (i32x4.extend_high_i16x8_u (local.get $low))))
      (v128.store offset=32 (local.get $floats)
        (call $shares (i32x4.extend_low_i16x8_u (local.get $high))))
      (v128.store offset=48 (local.get $floats)
        (call $shares (i32x4.extend_high_i16x8_u (local.get $high))))
      (local.set $floats (i32.add (local.get $floats) (i32.const 64)))
      (local.set $bytes (i32.add (local.get $bytes) (i32.const 16)))
      (br_if $values (i32.lt_u (local.get $bytes) (local.get $end)))))

  ;; Divides as JavaScript rounds: v / 255 in float32, for every byte v.
  (func $shares (param $levels v128) (result v128)
    (f32x4.div (f32x4.convert_i32x4_s (local.get $levels)) (v128.const f32x4 255 255 255 255))))
