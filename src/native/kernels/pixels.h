/*
 * Photos come pixel by pixel, three bytes each. This begins float32 networks that take them so:
 *
 * orangery.PixelsToPlanes(X) -> Y: uint8 of (batch, height, width, 3) to float32 of (batch, 3,
 * height, width), X / 255 (graph/cpu/photo-pixels.ts).
 */

/* Pixels that one thread takes at a time. */
enum { pixels_at_a_time = 16 * 1024 };

static void to_planes_plain(const uint8_t *x, float *y, size_t plane, size_t pixels) {
  for (size_t i = 0; i < pixels; i++) {
    for (int channel = 0; channel < 3; channel++) {
      y[channel * plane + i] = (float)x[3 * i + channel] / 255;
    }
  }
}

#if defined(__x86_64__)

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

static void to_planes(const uint8_t *x, float *y, size_t plane, size_t pixels) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return to_planes_avx2(x, y, plane, pixels);
#endif
  to_planes_plain(x, y, plane, pixels);
}

/* For tests: 0 for one pixel after another. */
API void orangery_to_planes(int quickly, const uint8_t *x, float *y, size_t plane, size_t pixels) {
  (quickly ? to_planes : to_planes_plain)(x, y, plane, pixels);
}

/* The operators */

typedef struct {
  const uint8_t *x;
  float *y;
  /* Of one picture. */
  size_t pixels, parts;
} PlanesWork;

/* Pictures are divided each by itself. */
static void to_planes_part(void *data, size_t part) {
  const PlanesWork *work = data;
  const size_t from = part % work->parts * pixels_at_a_time, left = work->pixels - from;
  const size_t start = 3 * (part / work->parts) * work->pixels;
  to_planes(work->x + start + 3 * from, work->y + start + from, work->pixels,
            left < pixels_at_a_time ? left : pixels_at_a_time);
}

/* Reads pixels of (batch, height, width, 3). */
static Status *read_pixels(const void *context, Tensor *x) {
  TRY(read_input(context, 0, x));
  if (x->dimensions == 4 && x->extents[3] == 3) return NULL;
  return fail("expected pixels of (batch, height, width, 3)");
}

static Status *compute_to_planes(void *kernel, void *context) {
  (void)kernel;
  Tensor x;
  TRY(read_pixels(context, &x));
  Tensor y = x;
  y.extents[1] = 3, y.extents[2] = x.extents[1], y.extents[3] = x.extents[2];
  TRY(make_output(context, 0, &y));
  const size_t pixels = (size_t)(x.extents[1] * x.extents[2]);
  const size_t parts = (pixels + pixels_at_a_time - 1) / pixels_at_a_time;
  PlanesWork work = {x.data, y.data, pixels, parts};
  return run_parts(context, to_planes_part, (size_t)x.extents[0] * parts, &work);
}

static const char *get_to_planes(const Operator *op) { return (void)op, "PixelsToPlanes"; }

static const Operator to_planes_operator = {
    OPERATOR_BASE,
    .get_name = get_to_planes,
    .get_input_type = get_uint8,
    .get_input_count = one,
    .get_input_characteristic = is_required,
    .get_output_type = get_float,
    .get_output_count = one,
    .create_kernel = create_nothing,
    .compute = compute_to_planes,
    .get_may_inplace = no_pairs,
};
