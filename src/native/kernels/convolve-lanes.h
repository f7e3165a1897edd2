/*
 * Convolutions for one width of vectors, LANES floats: convolve.h includes this for each.
 *
 * All come down to one product, which keeps the sums of a group of places, up to GROUP, and of two
 * blocks of outputs in registers while the inputs pass by: that is as quick as a processor can be.
 */
#define NAME_(name, lanes) name##_##lanes
#define NAME__(name, lanes) NAME_(name, lanes)
#define NAME(name) NAME__(name, LANES)

/*
 * Most places of a group, whose sums fill the registers. CASES(DO) is DO for each number of places
 * that a group can have.
 */
#if LANES == 8
#define GROUP 6
#define CASES(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6)
#define lesser(a, b) _mm256_min_ps(a, b)
#define greater(a, b) _mm256_max_ps(a, b)
#else
#define GROUP 12
#define CASES(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12)
#define lesser(a, b) _mm512_min_ps(a, b)
#define greater(a, b) _mm512_max_ps(a, b)
#endif

typedef float NAME(floats) __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t NAME(ints) __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
#define floats NAME(floats)
#define ints NAME(ints)
#define load(from) (*(const floats *)(from))
#define store(to, value) (*(floats *)(to) = (value))
#define all(value) ((floats){0} + (value))

/* Products and sums */

/*
 * m[place][output] (+)= sum over inputs of v[place][input] * u[input][output], for `wide` blocks of
 * outputs, two or one. Inputs come in `count` blocks, which begin at `offsets`; places are `stride`
 * apart. What is `ahead` is fetched into the cache.
 */
static inline __attribute__((always_inline)) void NAME(multiply)(
    size_t places, const float *v, const ptrdiff_t *offsets, size_t count, size_t stride,
    size_t ahead, const float *u, size_t wide, float *m, int is_first) {
  floats a[GROUP] = {0}, b[GROUP] = {0};
#pragma GCC unroll 12
  for (size_t i = 0; i < places; i++) {
    if (!is_first) a[i] = load(m + wide * LANES * i);
    if (!is_first && wide == 2) b[i] = load(m + 2 * LANES * i + LANES);
  }
  for (size_t block = 0; block < count; block++) {
    const float *from = v + offsets[block];
    for (size_t line = 0; line < places * LANES; line += 16) {
      __builtin_prefetch(from + ahead + line);
    }
    for (size_t lane = 0; lane < LANES; lane++, u += wide * LANES) {
      const floats first = load(u), second = wide == 2 ? load(u + LANES) : (floats){0};
      /* The weights that are next. */
      __builtin_prefetch(u + count * wide * LANES * LANES);
#pragma GCC unroll 12
      for (size_t i = 0; i < places; i++) {
        const float value = from[i * stride + lane];
        a[i] += value * first, b[i] += value * second;
      }
    }
  }
#pragma GCC unroll 12
  for (size_t i = 0; i < places; i++) {
    store(m + wide * LANES * i, a[i]);
    if (wide == 2) store(m + 2 * LANES * i + LANES, b[i]);
  }
}

/*
 * x / (1 + exp(-x)). The exponential is 2^n * exp(r), where |r| is at most ln(2) / 2; there a
 * polynomial, the best of degree 5, has a relative error of 1e-7.
 */
static inline floats NAME(silu_of)(floats x) {
  /* Beyond, the result is x, or nothing that counts. A NaN stays one. */
  const floats z = lesser(all(87.0f), greater(all(-87.0f), -x));
  /* The lowest bits of a float of this size are the integer. */
  const floats shifted = z * 1.44269504f + 12582912.0f;
  const floats n = shifted - 12582912.0f;
  const floats r = z - n * 0.693147181f;
  floats e = all(8.290306665e-3f);
  e = e * r + 4.189797491e-2f;
  e = e * r + 0.1666763723f;
  e = e * r + 0.4999915063f;
  e = e * r + 0.999999702f;
  e = e * r + 1.0f;
  e = (floats)((ints)e + ((ints)shifted << 23));
  return x / (1.0f + e);
}

/* Writes a sum, of which `bias` is a part, to its place in Y. */
static inline __attribute__((always_inline)) void NAME(put)(const Convolution *c, floats sum,
                                                            float *to) {
  if (c->silu) sum = NAME(silu_of)(sum);
  if (c->added != NULL) sum += load(c->added + (to - c->y));
  store(to, sum);
}

/* Where a group of places sees its inputs. */
typedef struct {
  size_t places;
  const float *from;
  const ptrdiff_t *offsets;
  size_t stride, ahead;
} NAME(Group);

/* The products of a group with `count` blocks of inputs from `block` on: see multiply. */
static void NAME(multiply_group)(const NAME(Group) *group, size_t block, size_t count,
                                 const float *u, size_t wide, float *m) {
  const ptrdiff_t *offsets = group->offsets + block;
#define MULTIPLY(places, wide)                                                                \
  NAME(multiply)(places, group->from, offsets, count, group->stride, group->ahead, u, wide, m, \
                 block == 0)
#define CASE(places)                   \
  case places:                         \
    if (wide == 2) MULTIPLY(places, 2); \
    else MULTIPLY(places, 1);          \
    break;
  switch (group->places) { CASES(CASE) }
#undef CASE
#undef MULTIPLY
}

/* Blocks of inputs whose weights, for two blocks of outputs, are a quarter of the first cache. */
enum { NAME(blocks_at_a_time) = 1024 / LANES / LANES };

/*
 * The products of several groups with the blocks of inputs from `block` to `end`, of which the
 * first begin the sums: m[place][output]. Returns the weights that are next.
 */
static const float *NAME(multiply_groups)(const NAME(Group) *groups, size_t group_count,
                                          size_t block, size_t end, size_t wide, const float *u,
                                          float *m) {
  while (block < end) {
    const size_t rest = end - block, most = NAME(blocks_at_a_time);
    const size_t count = lesser_of(rest, most);
    float *to = m;
    for (const NAME(Group) *group = groups; group < groups + group_count; group++) {
      NAME(multiply_group)(group, block, count, u, wide, to);
      to += group->places * wide * LANES;
    }
    u += count * LANES * wide * LANES;
    block += count;
  }
  return u;
}

/* Whole convolutions */

/* Copies what a group of places sees, with zeros beside the image: input block, place, lane. */
static void NAME(copy_seen)(const Convolution *c, const ptrdiff_t *offsets, size_t place,
                            size_t count, float *to) {
  const ptrdiff_t height = c->height, width = c->width;
  for (size_t i = 0; i < count; i++, to += LANES) {
    const ptrdiff_t top = (ptrdiff_t)((place + i) / c->across * c->stride) - (ptrdiff_t)c->pad;
    const ptrdiff_t left = (ptrdiff_t)((place + i) % c->across * c->stride) - (ptrdiff_t)c->pad;
    float *seen = to;
    for (size_t row = 0; row < c->kernel; row++) {
      for (size_t column = 0; column < c->kernel; column++) {
        const ptrdiff_t y = top + (ptrdiff_t)row, x = left + (ptrdiff_t)column;
        const int is_there = y >= 0 && y < height && x >= 0 && x < width;
        const ptrdiff_t at = (y * width + x) * LANES;
        for (size_t block = 0; block < c->inputs / LANES; block++, seen += GROUP * LANES) {
          store(seen, is_there ? load(c->x + offsets[block] + at) : (floats){0});
        }
      }
    }
  }
}

/* Whether all places of a group lie in one row, and none sees what is beside the image. */
static int NAME(is_inside)(const Convolution *c, size_t place, size_t count) {
  if (c->kernel == 1 && c->stride == 1 && c->pad == 0) return 1;
  const size_t y = place / c->across, x = place % c->across;
  return x + count <= c->across && y * c->stride >= c->pad && x * c->stride >= c->pad &&
         y * c->stride + c->kernel <= c->height + c->pad &&
         (x + count - 1) * c->stride + c->kernel <= c->width + c->pad;
}

static void NAME(convolve_part)(const Convolution *c, size_t number, float *scratch) {
  const Part part = part_of(c, number, LANES);
  const size_t places = c->down * c->across, from = part.from, count = part.count;
  const size_t groups = (count + GROUP - 1) / GROUP, size = (count + groups - 1) / groups;
  const size_t seen = c->kernel * c->kernel * (c->inputs / LANES);
  const ptrdiff_t *offsets = c->offsets + part.image * seen;
  float *y = c->y + part.image * c->outputs * places;
  float *m = scratch, *copies = m + c->sums_plane;
  NAME(Group) group[places_at_a_time / GROUP];
  for (size_t g = 0; g < groups; g++) {
    const size_t place = from + g * size, rest = count - g * size;
    group[g].places = lesser_of(rest, size);
    if (NAME(is_inside)(c, place, group[g].places)) {
      const ptrdiff_t top = (ptrdiff_t)(place / c->across * c->stride) - (ptrdiff_t)c->pad;
      const ptrdiff_t side = (ptrdiff_t)(place % c->across * c->stride) - (ptrdiff_t)c->pad;
      group[g].from = c->x + (top * (ptrdiff_t)c->width + side) * LANES;
      group[g].offsets = offsets, group[g].stride = c->stride * LANES;
      /* Of a 3 x 3 kernel most is in the cache already. */
      group[g].ahead = c->kernel == 1 ? GROUP * c->stride * LANES : 0;
    } else {
      NAME(copy_seen)(c, offsets, place, group[g].places, copies);
      group[g].from = copies;
      group[g].offsets = c->copied_offsets, group[g].stride = LANES, group[g].ahead = 0;
      copies += seen * GROUP * LANES;
    }
  }
  const size_t output_blocks = c->outputs / LANES;
  /* More than the cache holds is seen a little at a time, by all outputs. */
  const int is_much = seen * LANES > much_seen;
  const size_t most = is_much ? NAME(blocks_at_a_time) : seen;
  for (size_t first = 0; first < seen; first += most) {
    const size_t end = seen - first < most ? seen : first + most;
    for (size_t output = part.first_output; output < part.end_output; output += 2) {
      const size_t wide = output_blocks - output >= 2 ? 2 : 1;
      const float *u = c->weights + (output * seen + first * wide) * LANES * LANES;
      float *sums = m + (is_much ? (output - part.first_output) * c->step * LANES : 0);
      NAME(multiply_groups)(group, groups, first, end, wide, u, sums);
      for (size_t j = 0; end == seen && j < wide; j++) {
        const floats bias = load(c->bias + (output + j) * LANES);
        float *to = y + ((output + j) * places + from) * LANES;
        for (size_t i = 0; i < count; i++) {
          NAME(put)(c, load(sums + (i * wide + j) * LANES) + bias, to + i * LANES);
        }
      }
    }
  }
}

/* By tiles */

/* A line of a tile, transformed: the matrices that Lavin & Gray (2016) call B transposed. */
static inline __attribute__((always_inline)) void NAME(line_in)(size_t edge, const floats *d,
                                                                floats *to) {
  if (edge == 6) {
    const floats fours = d[4] - 4.0f * d[2], threes = d[3] - 4.0f * d[1];
    const floats twos = d[4] - d[2], ones = 2.0f * (d[3] - d[1]);
    to[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
    to[1] = fours + threes, to[2] = fours - threes;
    to[3] = twos + ones, to[4] = twos - ones;
    to[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
  } else {
    to[0] = d[0] - d[2], to[1] = d[2], to[2] = d[4] - d[2];
    to[3] = d[1], to[4] = d[3];
  }
}

/* The products of a line, summed up: A transposed. */
static inline __attribute__((always_inline)) void NAME(line_out)(size_t edge, const floats *m,
                                                                 floats *to) {
  if (edge == 6) {
    const floats sum = m[1] + m[2], change = m[1] - m[2];
    const floats sum2 = m[3] + m[4], change2 = m[3] - m[4];
    to[0] = m[0] + sum + sum2, to[1] = change + 2.0f * change2;
    to[2] = sum + 4.0f * sum2, to[3] = change + 8.0f * change2 + m[5];
  } else {
    to[0] = m[0] + m[1] + m[3], to[1] = m[1] + m[2] + m[4];
  }
}

/* Takes a block of a tile out of the image, transformed; values are as copy_seen has them. */
static inline __attribute__((always_inline)) void NAME(tile_in)(const Convolution *c, size_t edge,
                                                                const float *image, size_t tile,
                                                                float *v) {
  const ptrdiff_t height = c->height, width = c->width, size = edge;
  const ptrdiff_t top = (ptrdiff_t)(tile / c->across * tile_step) - 1;
  const ptrdiff_t left = (ptrdiff_t)(tile % c->across * tile_step) - 1;
  const int is_inside = top >= 0 && left >= 0 && top + size <= height && left + size <= width;
  floats columns[36], d[6], line[6];
#pragma GCC unroll 6
  for (ptrdiff_t column = 0; column < size; column++) {
    const ptrdiff_t x = left + column;
    const float *at = image + (top * width + x) * LANES;
    if (is_inside) {
#pragma GCC unroll 6
      for (ptrdiff_t row = 0; row < size; row++) d[row] = load(at + row * width * LANES);
    } else {
#pragma GCC unroll 6
      for (ptrdiff_t row = 0; row < size; row++) {
        const int is_there = top + row >= 0 && top + row < height && x >= 0 && x < width;
        d[row] = is_there ? load(at + row * width * LANES) : (floats){0};
      }
    }
    NAME(line_in)(edge, d, line);
#pragma GCC unroll 6
    for (size_t row = 0; row < edge; row++) columns[row * edge + column] = line[row];
  }
#pragma GCC unroll 6
  for (size_t row = 0; row < edge; row++) {
    NAME(line_in)(edge, columns + row * edge, line);
    float *to = v + row * edge * c->seen_plane;
#pragma GCC unroll 6
    for (size_t i = 0; i < edge; i++) store(to + i * c->seen_plane, line[i]);
  }
}

/* Makes the outputs of a tile of its products. */
static inline __attribute__((always_inline)) void NAME(tile_out)(const Convolution *c, size_t edge,
                                                                 const float *m, size_t tile,
                                                                 floats bias, float *y) {
  const size_t side = edge == 6 ? 4 : 2;
  floats columns[24], d[6], line[4];
  for (size_t column = 0; column < edge; column++, m += c->sums_plane) {
#pragma GCC unroll 6
    for (size_t row = 0; row < edge; row++) d[row] = load(m + row * edge * c->sums_plane);
    NAME(line_out)(edge, d, line);
#pragma GCC unroll 4
    for (size_t row = 0; row < side; row++) columns[row * edge + column] = line[row];
  }
  const size_t top = tile / c->across * side, left = tile % c->across * side;
  const size_t rows = c->output_height - top < side ? c->output_height - top : side;
  const size_t width = c->output_width - left < side ? c->output_width - left : side;
  float *to = y + (top * c->output_width + left) * LANES;
  for (size_t row = 0; row < rows; row++, to += c->output_width * LANES) {
    NAME(line_out)(edge, columns + row * edge, line);
    for (size_t i = 0; i < width; i++) NAME(put)(c, line[i] + bias, to + i * LANES);
  }
}

static inline __attribute__((always_inline)) void NAME(tiles_part)(const Convolution *c,
                                                                   size_t edge, size_t number,
                                                                   float *scratch) {
  const Part part = part_of(c, number, LANES);
  const size_t from = part.from, count = part.count;
  const size_t groups = (count + GROUP - 1) / GROUP, size = (count + groups - 1) / groups;
  const size_t pixels = c->output_height * c->output_width;
  const float *x = c->x + part.image * c->inputs * c->height * c->width;
  float *y = c->y + part.image * c->outputs * pixels;
  float *v = scratch, *m = v + edge * edge * c->seen_plane;
  /* Block by block: the rows of an image and the lines of the cache are read and written whole. */
  for (size_t block = 0; block < c->inputs / LANES; block++) {
    const float *image = x + block * c->height * c->width * LANES;
    for (size_t i = 0; i < count; i++) {
      const size_t tile = from + i, place = i / size * c->inputs / LANES + block;
      const size_t corner = (tile / c->across * c->width + tile % c->across) * tile_step;
      fetch(image + (c->height * c->width + corner) * LANES, 5, c->width * LANES,
            tile_step * LANES);
      NAME(tile_in)(c, edge, image, tile, v + (place * GROUP + i % size) * LANES);
    }
  }
  const size_t blocks = c->inputs / LANES, output_blocks = c->outputs / LANES;
  NAME(Group) group[most_tiles_at_a_time / GROUP];
  for (size_t product = 0; product < edge * edge; product++) {
    for (size_t g = 0; g < groups; g++) {
      const float *from = v + product * c->seen_plane + g * GROUP * c->inputs;
      const size_t rest = count - g * size;
      group[g] = (NAME(Group)){lesser_of(rest, size), from, c->copied_offsets, LANES, 0};
    }
    const float *u = c->weights + (product * c->outputs + part.first_output * LANES) * c->inputs;
    for (size_t output = part.first_output; output < part.end_output; output += 2) {
      const size_t wide = output_blocks - output >= 2 ? 2 : 1;
      float *to = m + product * c->sums_plane + (output - part.first_output) * c->step * LANES;
      u = NAME(multiply_groups)(group, groups, 0, blocks, wide, u, to);
    }
  }
  const size_t side = edge == 6 ? 4 : 2;
  for (size_t output = part.first_output; output < part.end_output; output++) {
    const floats bias = load(c->bias + output * LANES);
    const size_t pair = output / 2 * 2, wide = output_blocks - pair >= 2 ? 2 : 1;
    const float *sums = m + ((pair - part.first_output) * c->step + output - pair) * LANES;
    float *to = y + output * pixels * LANES;
    for (size_t i = 0; i < count; i++) {
      const size_t tile = from + i;
      const size_t corner = (tile / c->across * c->output_width + tile % c->across) * side;
      fetch(to + (pixels + corner) * LANES, side, c->output_width * LANES, side * LANES);
      NAME(tile_out)(c, edge, sums + i * wide * LANES, tile, bias, to);
    }
  }
}

static void NAME(tiles_of_6_part)(const Convolution *c, size_t part, float *scratch) {
  NAME(tiles_part)(c, 6, part, scratch);
}

static void NAME(tiles_of_5_part)(const Convolution *c, size_t part, float *scratch) {
  NAME(tiles_part)(c, 5, part, scratch);
}

#undef NAME_
#undef NAME__
#undef NAME
#undef GROUP
#undef CASES
#undef lesser
#undef greater
#undef floats
#undef ints
#undef load
#undef store
#undef all
