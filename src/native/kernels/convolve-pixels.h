/*
 * orangery.ConvolvePixels(X, W) -> Y: the first convolution of an int8 network, of a photo that
 * comes pixel by pixel, uint8 of (batch, height, width, 3), to uint8 of (batch, rows, columns,
 * outputs). ONNX Runtime gathers what each output sees before it multiplies, which takes longer
 * than the products themselves of so few channels. The results are its own, byte for byte.
 *
 * W has a group for each sixteen outputs (graph/cpu/int8/convolve-pixels.ts), the last of which is
 * filled with zeros: for each tap of the kernel, row by row, four int8 weights for each output, the
 * fourth of which is 0, and none of more than 64, so that two products never exceed 16 bits; then
 * the int32 biases and the float32 factors from sums to steps of Y.
 */
enum { group_outputs = 16, tap_bytes = 4 * group_outputs };

typedef struct {
  const uint8_t *x, *x_end, *w;
  uint8_t *y;
  size_t height, width, rows, columns, outputs, kernel, pad, stride;
  int32_t zero;
} PixelConvolution;

/* The taps that lie within the picture, from `top` to before `bottom`, from `left` to `right`. */
typedef struct {
  size_t top, bottom, left, right;
} Taps;

/* Bytes of a group. */
static size_t bytes_of_group(size_t kernel) { return (kernel * kernel + 2) * tap_bytes; }

/* From the place of a pixel's first tap to that of another tap, in bytes. */
static ptrdiff_t tap_at(const PixelConvolution *c, size_t row, size_t column) {
  return 3 * (ptrdiff_t)(row * c->width + column);
}

/* One output of one pixel, one product after another. */
static uint8_t output_plain(const PixelConvolution *c, const uint8_t *first, Taps taps,
                            const uint8_t *group, size_t output) {
  const uint8_t *ends = group + c->kernel * c->kernel * tap_bytes;
  int32_t sum;
  float factor;
  __builtin_memcpy(&sum, ends + 4 * output, 4);
  __builtin_memcpy(&factor, ends + tap_bytes + 4 * output, 4);
  for (size_t row = taps.top; row < taps.bottom; row++) {
    for (size_t column = taps.left; column < taps.right; column++) {
      const uint8_t *pixel = first + tap_at(c, row, column);
      const uint8_t *own = group + (row * c->kernel + column) * tap_bytes + 4 * output;
      for (int channel = 0; channel < 3; channel++) sum += pixel[channel] * (int8_t)own[channel];
    }
  }
  float step = (float)sum * factor;
  const float least = (float)-c->zero, most = (float)(255 - c->zero);
  step = step < least ? least : step > most ? most : step;
  /* Rounds half to even. */
  const float shift = 12582912, shifted = step + shift;
  return (uint8_t)((int32_t)(shifted - shift) + c->zero);
}

static void one_plain(const PixelConvolution *c, const uint8_t *first, Taps taps,
                      const uint8_t *group, size_t outputs, uint8_t *y, size_t times) {
  for (; times > 0; times--, first += 3 * c->stride, y += c->outputs) {
    for (size_t i = 0; i < outputs; i++) y[i] = output_plain(c, first, taps, group, i);
  }
}

#if defined(__x86_64__)

static inline int32_t four_bytes(const uint8_t *from) {
  int32_t bytes;
  __builtin_memcpy(&bytes, from, 4);
  return bytes;
}

/* The outputs of a group, of which the last may have fewer. */
static inline void put(__m128i values, size_t outputs, uint8_t *y) {
  if (outputs == group_outputs) {
    _mm_storeu_si128((__m128i *)y, values);
    return;
  }
  uint8_t all[group_outputs];
  _mm_storeu_si128((__m128i *)all, values);
  for (size_t output = 0; output < outputs; output++) y[output] = all[output];
}

/* The sums of one tap, for `count` pixels beside each other. */
#define ADD_TAP(weights, from)                                                          \
  do {                                                                                  \
    const uint8_t *pixel = from;                                                        \
    _Pragma("GCC unroll 4") for (int i = 0; i < count; i++, pixel += 3 * c->stride) {   \
      const __m512i bytes = _mm512_set1_epi32(four_bytes(pixel));                       \
      __asm__("vpdpbusd %2, %1, %0" : "+v"(sums[i]) : "v"(bytes), "v"(weights));        \
    }                                                                                   \
  } while (0)

/*
 * `times` times `count` output pixels beside each other. Reads a byte past each pixel, for a weight
 * of 0. Where all nine taps of a kernel of 3 are taken, their weights stay in registers.
 */
__attribute__((target("avx512f,avx512bw,avx512vnni"), always_inline)) static inline void
pixels_vnni(const PixelConvolution *c, const uint8_t *first, Taps taps, const uint8_t *group,
            size_t outputs, uint8_t *y, size_t times, const int count, const int has_nine) {
  const uint8_t *ends = group + c->kernel * c->kernel * tap_bytes;
  const __m512i biases = _mm512_loadu_si512(ends);
  const __m512 factors = _mm512_loadu_ps(ends + tap_bytes);
  const __m512 least = _mm512_set1_ps((float)-c->zero);
  const __m512 most = _mm512_set1_ps((float)(255 - c->zero));
  const __m512i zero = _mm512_set1_epi32(c->zero);
  const size_t step = c->outputs, line = 3 * c->width, across = 3 * c->stride * count;
  __m512i nine[9];
#pragma GCC unroll 9
  for (int tap = 0; tap < 9; tap++) {
    if (has_nine) nine[tap] = _mm512_loadu_si512(group + tap * tap_bytes);
  }
  for (; times > 0; times--, first += across) {
    __m512i sums[4];
#pragma GCC unroll 4
    for (int i = 0; i < count; i++) sums[i] = biases;
    if (has_nine) {
#pragma GCC unroll 9
      for (int tap = 0; tap < 9; tap++) ADD_TAP(nine[tap], first + tap / 3 * line + tap % 3 * 3);
    } else {
      for (size_t row = taps.top; row < taps.bottom; row++) {
        for (size_t column = taps.left; column < taps.right; column++) {
          const uint8_t *weights = group + (row * c->kernel + column) * tap_bytes;
          ADD_TAP(_mm512_loadu_si512(weights), first + row * line + 3 * column);
        }
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < count; i++, y += step) {
      __m512 steps = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[i]), factors);
      steps = _mm512_min_ps(_mm512_max_ps(steps, least), most);
      const __m512i values = _mm512_add_epi32(_mm512_cvtps_epi32(steps), zero);
      put(_mm512_cvtepi32_epi8(values), outputs, y);
    }
  }
}

__attribute__((target("avx2"), always_inline)) static inline void pixels_avx2(
    const PixelConvolution *c, const uint8_t *first, Taps taps, const uint8_t *group,
    size_t outputs, uint8_t *y, size_t times, const int count) {
  const uint8_t *ends = group + c->kernel * c->kernel * tap_bytes;
  const __m256i ones = _mm256_set1_epi16(1), zero = _mm256_set1_epi32(c->zero);
  const __m256 least = _mm256_set1_ps((float)-c->zero);
  const __m256 most = _mm256_set1_ps((float)(255 - c->zero));
  for (; times > 0; times--, first += 3 * c->stride * count) {
    __m256i sums[4][2];
#pragma GCC unroll 4
    for (int i = 0; i < count; i++) {
      sums[i][0] = _mm256_loadu_si256((const __m256i *)ends);
      sums[i][1] = _mm256_loadu_si256((const __m256i *)(ends + 32));
    }
    for (size_t row = taps.top; row < taps.bottom; row++) {
      for (size_t column = taps.left; column < taps.right; column++) {
        const uint8_t *weights = group + (row * c->kernel + column) * tap_bytes;
        const __m256i low = _mm256_loadu_si256((const __m256i *)weights);
        const __m256i high = _mm256_loadu_si256((const __m256i *)(weights + 32));
        const uint8_t *pixel = first + tap_at(c, row, column);
#pragma GCC unroll 4
        for (int i = 0; i < count; i++, pixel += 3 * c->stride) {
          const __m256i bytes = _mm256_set1_epi32(four_bytes(pixel));
          const __m256i lows = _mm256_madd_epi16(_mm256_maddubs_epi16(bytes, low), ones);
          const __m256i highs = _mm256_madd_epi16(_mm256_maddubs_epi16(bytes, high), ones);
          sums[i][0] = _mm256_add_epi32(sums[i][0], lows);
          sums[i][1] = _mm256_add_epi32(sums[i][1], highs);
        }
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < count; i++, y += c->outputs) {
      __m256i halves[2];
#pragma GCC unroll 2
      for (int half = 0; half < 2; half++) {
        const __m256 factors = _mm256_loadu_ps((const float *)(ends + tap_bytes + 32 * half));
        __m256 steps = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[i][half]), factors);
        steps = _mm256_min_ps(_mm256_max_ps(steps, least), most);
        halves[half] = _mm256_add_epi32(_mm256_cvtps_epi32(steps), zero);
      }
      const __m256i words =
          _mm256_permute4x64_epi64(_mm256_packs_epi32(halves[0], halves[1]), 0xd8);
      put(_mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)),
          outputs, y);
    }
  }
}

#define PIXELS(name, features, call)                                                    \
  __attribute__((target(features))) static void name(                                   \
      const PixelConvolution *c, const uint8_t *first, Taps taps, const uint8_t *group, \
      size_t outputs, uint8_t *y, size_t times) {                                       \
    call;                                                                               \
  }
PIXELS(one_avx2, "avx2", pixels_avx2(c, first, taps, group, outputs, y, times, 1))
PIXELS(four_avx2, "avx2", pixels_avx2(c, first, taps, group, outputs, y, times, 4))
PIXELS(one_vnni, "avx512f,avx512bw,avx512vnni",
       pixels_vnni(c, first, taps, group, outputs, y, times, 1, 0))
PIXELS(four_vnni, "avx512f,avx512bw,avx512vnni",
       if (c->kernel == 3 && taps.bottom - taps.top == 3) {
         pixels_vnni(c, first, taps, group, outputs, y, times, 4, 1);
       } else {
         pixels_vnni(c, first, taps, group, outputs, y, times, 4, 0);
       })
#endif

typedef void ConvolveSome(const PixelConvolution *c, const uint8_t *first, Taps taps,
                          const uint8_t *group, size_t outputs, uint8_t *y, size_t times);

/* How this processor computes output pixels one by one, and four beside each other. */
static struct {
  ConvolveSome *one, *four;
} convolve_some = {one_plain, NULL};

/* The taps of the output `at` along an axis of `extent`, as [first, last). */
static void taps_within(const PixelConvolution *c, size_t at, size_t extent, size_t *first,
                        size_t *last) {
  const size_t from = at * c->stride;
  *first = from < c->pad ? c->pad - from : 0;
  const size_t end = extent + c->pad - from;
  *last = end < c->kernel ? end : c->kernel;
}

/* A row of the output. */
static void convolve_pixels_part(void *data, size_t part) {
  const PixelConvolution *c = data;
  const size_t picture = part / c->rows, row = part % c->rows;
  Taps taps;
  taps_within(c, row, c->height, &taps.top, &taps.bottom);
  const ptrdiff_t line = (ptrdiff_t)(picture * c->height + row * c->stride) - (ptrdiff_t)c->pad;
  for (size_t from = 0; from < c->outputs; from += group_outputs) {
    const uint8_t *group = c->w + from / group_outputs * bytes_of_group(c->kernel);
    const size_t left = c->outputs - from;
    const size_t outputs = left < group_outputs ? left : group_outputs;
    for (size_t column = 0; column < c->columns;) {
      const ptrdiff_t at = (ptrdiff_t)(column * c->stride) - (ptrdiff_t)c->pad;
      const uint8_t *first = c->x + 3 * (line * (ptrdiff_t)c->width + at);
      uint8_t *y = c->y + (part * c->columns + column) * c->outputs + from;
      taps_within(c, column, c->width, &taps.left, &taps.right);
      /* Past the last pixel of all there is no byte to be read. */
      const ptrdiff_t readable =
          c->x_end - 1 - (first + tap_at(c, taps.bottom - 1, taps.right));
      size_t fours = 0;
      if (convolve_some.four != NULL && taps.left == 0 && taps.right == c->kernel) {
        /* Outputs from here whose taps all lie within the picture. */
        const size_t whole = (c->width - c->kernel - (size_t)at) / c->stride + 1;
        fours = (whole < c->columns - column ? whole : c->columns - column) / 4;
        const ptrdiff_t across = 3 * (ptrdiff_t)c->stride;
        while (fours > 0 && readable < ((ptrdiff_t)(4 * fours) - 1) * across) fours--;
      }
      if (fours > 0) convolve_some.four(c, first, taps, group, outputs, y, fours);
      else (readable >= 0 ? convolve_some.one : one_plain)(c, first, taps, group, outputs, y, 1);
      column += fours > 0 ? 4 * fours : 1;
    }
  }
}

enum { attribute_bits = 12 };

static Status *compute_convolve_pixels(void *kernel, void *context) {
  const uint64_t packed = (uintptr_t)kernel;
  size_t values[5];
  for (int i = 0; i < 5; i++) {
    values[i] = packed >> (i * attribute_bits) & ((1 << attribute_bits) - 1);
  }
  Tensor x, w;
  TRY(read_pixels(context, &x));
  TRY(read_input(context, 1, &w));
  PixelConvolution c = {
      .x = x.data, .x_end = (const uint8_t *)x.data + x.count, .w = w.data,
      .height = x.extents[1], .width = x.extents[2], .kernel = values[0], .outputs = values[1],
      .pad = values[2], .stride = values[3], .zero = values[4]};
  const size_t groups = (c.outputs + group_outputs - 1) / group_outputs;
  if (w.count != groups * bytes_of_group(c.kernel)) return fail("expected a group for 16 outputs");
  /* Each output sees a pixel of the picture. */
  if (c.pad >= c.kernel || c.height + c.pad < c.kernel || c.width + c.pad < c.kernel) {
    return fail("the kernel is larger than the image");
  }
  c.rows = (c.height + 2 * c.pad - c.kernel) / c.stride + 1;
  c.columns = (c.width + 2 * c.pad - c.kernel) / c.stride + 1;
  Tensor y = x;
  y.extents[1] = c.rows, y.extents[2] = c.columns, y.extents[3] = c.outputs;
  TRY(make_output(context, 0, &y));
  c.y = y.data;
  return run_parts(context, convolve_pixels_part, x.extents[0] * c.rows, &c);
}

static Status *create_convolve_pixels(const Operator *op, const void *api_, const void *info,
                                      void **kernel) {
  (void)op, (void)api_;
  static const char *const names[] = {"kernel", "outputs", "pad", "stride", "zero"};
  static const int64_t least[] = {1, 1, 0, 1, 0};
  uint64_t packed = 0;
  for (int i = 0; i < 5; i++) {
    int64_t value;
    TRY(CALL(get_integer_attribute, (const void *, const char *, int64_t *), info, names[i],
             &value));
    if (value < least[i] || value >> attribute_bits != 0) {
      return fail("expected attributes of at most 4095");
    }
    packed |= (uint64_t)value << (i * attribute_bits);
  }
  *kernel = (void *)(uintptr_t)packed;
  return NULL;
}

static const char *get_convolve_pixels(const Operator *op) { return (void)op, "ConvolvePixels"; }

static const Operator convolve_pixels_operator = {
    OPERATOR_BASE,
    .get_name = get_convolve_pixels,
    .get_input_type = get_uint8,
    .get_input_count = two,
    .get_input_characteristic = is_required,
    .get_output_type = get_uint8,
    .get_output_count = one,
    .create_kernel = create_convolve_pixels,
    .compute = compute_convolve_pixels,
    .get_may_inplace = no_pairs,
};

/* Chooses one of the ways, the quickest last. Returns whether this processor can go it. */
static int choose_convolve_pixels(int number) {
  if (number == 0) {
    convolve_some.one = one_plain, convolve_some.four = NULL;
    return 1;
  }
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (number == 1 && __builtin_cpu_supports("avx2")) {
    convolve_some.one = one_avx2, convolve_some.four = four_avx2;
    return 1;
  }
  if (number == 2 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni")) {
    convolve_some.one = one_vnni, convolve_some.four = four_vnni;
    return 1;
  }
#endif
  return 0;
}

/* For tests, of which each has the process to itself. */
API int orangery_choose_convolve_pixels(int number) { return choose_convolve_pixels(number); }
