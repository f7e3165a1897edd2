/*
 * Photos come pixel by pixel, three bytes each. Two operators begin networks that take them so:
 *
 * orangery.WidenPixels(X) -> Y: uint8 of (batch, height, width, 3) with a fourth channel of 0, as
 * an int8 network's first convolution reads them quickest (graph/cpu/int8/pad-colours.ts).
 *
 * orangery.PixelsToPlanes(X) -> Y: float32 of (batch, 3, height, width), X / 255
 * (graph/cpu/take-photo-pixels.ts).
 */

/* Pixels that one thread takes at a time. */
enum { pixels_at_a_time = 16 * 1024 };

static void widen_plain(const uint8_t *x, uint8_t *y, size_t pixels) {
  for (; pixels > 0; pixels--, x += 3, y += 4) {
    for (int channel = 0; channel < 3; channel++) y[channel] = x[channel];
    y[3] = 0;
  }
}

static void to_planes_plain(const uint8_t *x, float *y, size_t plane, size_t pixels) {
  for (size_t i = 0; i < pixels; i++) {
    for (int channel = 0; channel < 3; channel++) {
      y[channel * plane + i] = (float)x[3 * i + channel] / 255;
    }
  }
}

#if defined(__x86_64__)

/* Four pixels at a time; of each sixteen bytes that are read, four belong to the next pixels. */
__attribute__((target("ssse3"))) static void widen_ssse3(const uint8_t *x, uint8_t *y,
                                                         size_t pixels) {
  const __m128i places = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
  for (; pixels >= 6; pixels -= 4, x += 12, y += 16) {
    const __m128i four = _mm_loadu_si128((const __m128i *)x);
    _mm_storeu_si128((__m128i *)y, _mm_shuffle_epi8(four, places));
  }
  widen_plain(x, y, pixels);
}

/* Places of eight bytes of a channel among 24: in the first sixteen, and in the last eight. */
#define IN_FIRST(c) \
  _mm_setr_epi8(c, c + 3, c + 6, c + 9, c + 12, c ? -1 : 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1)
#define IN_LAST(c) \
  _mm_setr_epi8(-1, -1, -1, -1, -1, c ? c - 1 : -1, c + 2, c + 5, -1, -1, -1, -1, -1, -1, -1, -1)

/* Eight pixels at a time. */
__attribute__((target("avx2"))) static void to_planes_avx2(const uint8_t *x, float *y, size_t plane,
                                                           size_t pixels) {
  const __m128i in_first[] = {IN_FIRST(0), IN_FIRST(1), IN_FIRST(2)};
  const __m128i in_last[] = {IN_LAST(0), IN_LAST(1), IN_LAST(2)};
  const __m256 white = _mm256_set1_ps(255);
  size_t i = 0;
  for (; i + 8 <= pixels; i += 8) {
    const __m128i first = _mm_loadu_si128((const __m128i *)(x + 3 * i));
    const __m128i last = _mm_loadl_epi64((const __m128i *)(x + 3 * i + 16));
#pragma GCC unroll 3
    for (int channel = 0; channel < 3; channel++) {
      const __m128i bytes = _mm_or_si128(_mm_shuffle_epi8(first, in_first[channel]),
                                         _mm_shuffle_epi8(last, in_last[channel]));
      const __m256 levels = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
      _mm256_storeu_ps(y + channel * plane + i, _mm256_div_ps(levels, white));
    }
  }
  to_planes_plain(x + 3 * i, y + i, plane, pixels - i);
}
#endif

static void widen(const uint8_t *x, uint8_t *y, size_t pixels) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("ssse3")) return widen_ssse3(x, y, pixels);
#endif
  widen_plain(x, y, pixels);
}

static void to_planes(const uint8_t *x, float *y, size_t plane, size_t pixels) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return to_planes_avx2(x, y, plane, pixels);
#endif
  to_planes_plain(x, y, plane, pixels);
}

/* For tests: 0 for one pixel after another. */
API void orangery_widen(int quickly, const uint8_t *x, uint8_t *y, size_t pixels) {
  (quickly ? widen : widen_plain)(x, y, pixels);
}

API void orangery_to_planes(int quickly, const uint8_t *x, float *y, size_t plane, size_t pixels) {
  (quickly ? to_planes : to_planes_plain)(x, y, plane, pixels);
}

/* The operators */

typedef struct {
  const uint8_t *x;
  void *y;
  /* Of one picture. */
  size_t pixels, parts;
} PixelWork;

/* The pixels of a part: pictures are divided each by itself. */
typedef struct {
  size_t picture, from, count;
} PixelPart;

static PixelPart part_of(const PixelWork *work, size_t part) {
  const size_t from = part % work->parts * pixels_at_a_time, left = work->pixels - from;
  return (PixelPart){part / work->parts, from, left < pixels_at_a_time ? left : pixels_at_a_time};
}

static void widen_part(void *data, size_t number) {
  const PixelWork *work = data;
  const PixelPart part = part_of(work, number);
  const size_t first = part.picture * work->pixels + part.from;
  widen(work->x + 3 * first, (uint8_t *)work->y + 4 * first, part.count);
}

static void to_planes_part(void *data, size_t number) {
  const PixelWork *work = data;
  const PixelPart part = part_of(work, number);
  const size_t start = 3 * part.picture * work->pixels;
  to_planes(work->x + start + 3 * part.from, (float *)work->y + start + part.from, work->pixels,
            part.count);
}

/* Reads a picture's pixels, and makes an output of `extents`, of which 0 and -1 are X's sides. */
static Status *compute_pixels(void *context, int to_float, void (*part)(void *, size_t)) {
  Tensor x;
  TRY(read_input(context, 0, &x));
  if (x.dimensions != 4 || x.extents[3] != 3) {
    return fail("expected pixels of (batch, height, width, 3)");
  }
  Tensor y = x;
  if (to_float) {
    for (int side = 0; side < 2; side++) y.extents[2 + side] = x.extents[1 + side];
    y.extents[1] = 3;
  } else {
    y.extents[3] = 4;
  }
  TRY(make_output(context, 0, &y));
  const size_t pixels = (size_t)(x.extents[1] * x.extents[2]);
  const size_t parts = (pixels + pixels_at_a_time - 1) / pixels_at_a_time;
  PixelWork work = {x.data, y.data, pixels, parts};
  return run_parts(context, part, (size_t)x.extents[0] * parts, &work);
}

static Status *compute_widen(void *kernel, void *context) {
  (void)kernel;
  return compute_pixels(context, 0, widen_part);
}

static Status *compute_to_planes(void *kernel, void *context) {
  (void)kernel;
  return compute_pixels(context, 1, to_planes_part);
}

static const char *get_widen(const Operator *op) { return (void)op, "WidenPixels"; }
static const char *get_to_planes(const Operator *op) { return (void)op, "PixelsToPlanes"; }

#define PIXELS_BASE                                                                  \
  OPERATOR_BASE, .get_input_type = get_uint8, .get_input_count = one,                \
  .get_input_characteristic = is_required, .get_output_count = one,                  \
  .create_kernel = create_nothing, .get_may_inplace = no_pairs

static const Operator widen_operator = {
    PIXELS_BASE,
    .get_name = get_widen,
    .get_output_type = get_uint8,
    .compute = compute_widen,
};

static const Operator to_planes_operator = {
    PIXELS_BASE,
    .get_name = get_to_planes,
    .get_output_type = get_float,
    .compute = compute_to_planes,
};
