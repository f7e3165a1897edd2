/*
 * orangery.Convolve(W, B, X..., Z) -> Y, attributes adds, pad, silu, stride
 * orangery.ConvolveTiles(W, B, X, Z) -> Y, the same attributes, pad is 1
 *
 * Convolutions in float32 whose values come in blocks of `lanes` channels, as ONNX Runtime's CPU
 * provider lays them out (com.microsoft.nchwc): images x blocks x rows x columns x lanes. With
 * silu = 1, Y is x * sigmoid(x) of what would be there; with adds = 1, Z is added to that, and
 * otherwise left out.
 *
 * Convolve has square kernels of any size, and takes several X as if their channels were one
 * after another. ConvolveTiles is for kernels of 3 x 3 that see one pixel beside the image:
 * Winograd's minimal filtering (Lavin & Gray, 2016), by which of 6 x 6 pixels 36 products give
 * 4 x 4 outputs instead of 144, and where the stride is 2, of 5 x 5 pixels 25 give 2 x 2 instead
 * of 36: even and odd pixels are lines of their own, of which kernels of two and of one see each.
 * The order of W is that of graph/cpu/float32/pack-weights.ts.
 */

typedef struct Convolution {
  const float *x, *weights, *bias;
  /* NULL where nothing is. */
  const float *added;
  float *y;
  size_t inputs, outputs, height, width, output_height, output_width;
  size_t kernel, stride, pad;
  int silu;
  /* Threads of the session; 0 where that is not known. */
  size_t threads;
  /* Places, or tiles, that it is divided into, and how many of them are a part. */
  size_t down, across, step;
  /* Parts of the outputs for each of those, and the blocks of outputs in one, which are even. */
  size_t output_parts, output_step;
  /* Floats that a part needs for what it sees, and for its sums: of tiles, of one product. */
  size_t seen_plane, sums_plane;
  /* Where the blocks of inputs are that a place sees: of each image from x on, and of copies. */
  ptrdiff_t *offsets, *copied_offsets;
  /* Threads take part after part, each with floats of its own. */
  void (*part)(const struct Convolution *, size_t part, float *scratch);
  size_t parts, next_part, scratch_floats;
  void *allocator;
  int has_no_memory;
} Convolution;

enum {
  /* Pixels from tile to tile. */
  tile_step = 4,
  /* Divisible by the places of a group, which are 6 or 12. */
  places_at_a_time = 96,
  tiles_at_a_time = 24,
  most_tiles_at_a_time = 84,
  most_workers = 64,
  most_tensors = 16,
  most_inputs = 65536,
  /* Inputs of a place, in floats. */
  much_seen = 2048,
  /* Products that take as long as waking a thread: some 20 microseconds. */
  worth_a_thread = 1 << 20,
  /* Weights that caches do not keep until the next part, in floats. */
  many_weights = 1 << 22,
};

static inline size_t lesser_of(size_t a, size_t b) { return a < b ? a : b; }

/* What a part computes: places, or tiles, of an image, and blocks of outputs. */
typedef struct {
  size_t image, from, count, first_output, end_output;
} Part;

static inline Part part_of(const Convolution *c, size_t number, size_t lanes) {
  const size_t places = c->down * c->across, parts = (places + c->step - 1) / c->step;
  const size_t place_part = number / c->output_parts, from = place_part % parts * c->step;
  const size_t first_output = number % c->output_parts * c->output_step;
  return (Part){
      .image = place_part / parts,
      .from = from,
      .count = lesser_of(c->step, places - from),
      .first_output = first_output,
      .end_output = lesser_of(first_output + c->output_step, c->outputs / lanes),
  };
}

/* Has rows of floats brought into the cache: what a tile of the next block reads, or writes. */
static inline void fetch(const float *from, size_t rows, size_t stride, size_t count) {
  for (size_t row = 0; row < rows; row++, from += stride) {
    for (size_t i = 0; i < count; i += 16) __builtin_prefetch(from + i);
  }
}

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define LANES 8
#include "convolve-lanes.h"
#undef LANES
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,fma")
#define LANES 16
#include "convolve-lanes.h"
#undef LANES
#pragma GCC pop_options
#endif

/*
 * Channels of a block: as many as ONNX Runtime has on this processor (`MlasNchwcGetBlockSize`); 0
 * where there are no kernels.
 */
API size_t orangery_lanes(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) return 16;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 8;
#endif
  return 0;
}

/* Most places of a group, as convolve-lanes.h has them. */
static size_t group_of(size_t lanes) { return lanes == 8 ? 6 : 12; }

static void work_on_parts(void *data, size_t worker) {
  (void)worker;
  Convolution *c = data;
  size_t part = __atomic_fetch_add(&c->next_part, 1, __ATOMIC_RELAXED);
  if (part >= c->parts) return;
  float *scratch = allocate(c->allocator, 4 * c->scratch_floats);
  if (scratch == NULL) {
    __atomic_store_n(&c->has_no_memory, 1, __ATOMIC_RELAXED);
    return;
  }
  while (part < c->parts) {
    c->part(c, part, scratch);
    part = __atomic_fetch_add(&c->next_part, 1, __ATOMIC_RELAXED);
  }
  deallocate(c->allocator, scratch);
}

/* Attributes are all that there is to keep of a node: they are the kernel. */
enum { silu_bit = 1, adds_bit = 2 };
enum { stride_shift = 8, pad_shift = 16, kernel_bit = 1 << 24, threads_shift = 32 };

/* What an operator reads. */
typedef struct {
  Tensor w, b, x[most_tensors], z;
  /* Of x. */
  size_t count;
  size_t lanes;
} Operands;

static Status *read_operands(void *context, uintptr_t attributes, Convolution *c, Operands *read) {
  const size_t others = attributes & adds_bit ? 3 : 2;
  TRY(CALL(get_input_count, (const void *, size_t *), context, &read->count));
  if (read->count <= others || read->count - others > most_tensors) {
    return fail("expected 1 to 16 values X");
  }
  read->count -= others;
  TRY(read_input(context, 0, &read->w));
  TRY(read_input(context, 1, &read->b));
  for (size_t i = 0; i < read->count; i++) TRY(read_input(context, 2 + i, &read->x[i]));
  if (attributes & adds_bit) TRY(read_input(context, 2 + read->count, &read->z));
  read->lanes = orangery_lanes();
  if (read->lanes == 0) return fail("there is no kernel for this processor");
  if (read->w.dimensions != 4) return fail("expected 4 dimensions of W");
  const Tensor *first = read->x;
  size_t channels = 0;
  for (const Tensor *x = first; x < first + read->count; x++) {
    if (x->dimensions != 4) return fail("expected 4 dimensions of X");
    if (x->extents[1] % read->lanes != 0) return fail("expected channels in blocks");
    channels += x->extents[1];
    if (x->extents[0] != first->extents[0] || x->extents[2] != first->extents[2] ||
        x->extents[3] != first->extents[3]) {
      return fail("expected images of one size");
    }
  }
  c->x = first->data, c->weights = read->w.data, c->bias = read->b.data;
  c->outputs = read->w.extents[0], c->inputs = read->w.extents[1];
  c->height = first->extents[2], c->width = first->extents[3];
  if (c->inputs != channels || c->outputs == 0 || c->outputs != read->b.count ||
      c->outputs % read->lanes != 0) {
    return fail("the channels of X, W and B do not fit");
  }
  c->silu = attributes & silu_bit;
  c->stride = attributes >> stride_shift & 0xff, c->pad = attributes >> pad_shift & 0xff;
  c->threads = attributes >> threads_shift;
  return NULL;
}

static void fill_offsets(Convolution *c, const Operands *read, size_t images, size_t seen) {
  const size_t lanes = read->lanes, pixels = c->height * c->width;
  ptrdiff_t *to = c->offsets;
  for (size_t image = 0; image < images; image++) {
    for (size_t place = 0; place < c->kernel * c->kernel; place++) {
      const size_t pixel = place / c->kernel * c->width + place % c->kernel;
      for (const Tensor *x = read->x; x < read->x + read->count; x++) {
        const float *from = (const float *)x->data + image * x->extents[1] * pixels;
        for (size_t block = 0; block < x->extents[1] / lanes; block++) {
          *to++ = from + (block * pixels + pixel) * lanes - c->x;
        }
      }
    }
  }
  for (size_t i = 0; i < seen; i++) c->copied_offsets[i] = i * group_of(lanes) * lanes;
}

/* Makes the outputs, and does the work. A place sees `seen` blocks of inputs. */
static Status *run_convolution(void *context, Convolution *c, const Operands *read, size_t seen) {
  const size_t images = read->x->extents[0];
  Tensor y = {.extents = {images, c->outputs, c->output_height, c->output_width}, .dimensions = 4};
  TRY(make_output(context, 0, &y));
  c->y = y.data;
  c->added = read->z.data;
  for (size_t i = 0; c->added != NULL && i < 4; i++) {
    if (read->z.dimensions != 4 || read->z.extents[i] != y.extents[i]) {
      return fail("expected Z to be as large as Y");
    }
  }
  TRY(open_allocator(context, &c->allocator));
  c->copied_offsets = allocate(c->allocator, (images + 1) * seen * sizeof(ptrdiff_t));
  Status *status = NULL;
  if (c->copied_offsets == NULL) {
    c->has_no_memory = 1;
  } else {
    c->offsets = c->copied_offsets + seen;
    fill_offsets(c, read, images, seen);
    const size_t workers = lesser_of(c->parts, most_workers);
    status = run_parts(context, work_on_parts, workers, c);
    deallocate(c->allocator, c->copied_offsets);
  }
  close_allocator(c->allocator);
  if (status == NULL && c->has_no_memory) {
    status = CALL(create_status, (int, const char *), failed, "there is not enough memory");
  }
  return status;
}

/*
 * Divides the work: the places into parts of as many, of `most` at most. Where these would leave
 * threads without work, the outputs are divided as well. Each part then reads its places again,
 * which costs `again` hundredths of a convolution: there are more parts only where that makes it
 * a fifth shorter, and each has enough to do. A place has `products` of each input and output.
 */
static void divide(Convolution *c, const Operands *read, size_t most, size_t products,
                   size_t again) {
  const size_t places = c->down * c->across, pairs = (c->outputs / read->lanes + 1) / 2;
  const size_t fewest = (places + most - 1) / most;
  c->step = (places + fewest - 1) / fewest;
  const size_t place_parts = read->x->extents[0] * ((places + c->step - 1) / c->step);
  const size_t work = c->step * products * c->inputs * c->outputs;
  size_t shortest = 0;
  c->output_parts = 1, c->output_step = 2 * pairs;
  for (size_t n = 1; n <= pairs && n <= c->threads; n++) {
    const size_t step = (pairs + n - 1) / n, parts = (pairs + step - 1) / step;
    const size_t rounds = (place_parts * parts + c->threads - 1) / c->threads;
    const size_t time = rounds * (step * 100 + pairs * again);
    if (n > 1 && (time * 5 >= shortest * 4 || work / parts < worth_a_thread)) continue;
    shortest = time, c->output_parts = parts, c->output_step = 2 * step;
  }
  c->parts = place_parts * c->output_parts;
}

/* For how many places there is room, where those of each group have room for the most. */
static size_t room_of(size_t places, size_t lanes) {
  const size_t most = group_of(lanes);
  return (places + most - 1) / most * most;
}

static Status *compute_convolve(void *kernel, void *context) {
#if defined(__x86_64__)
  Convolution c = {0};
  Operands read = {0};
  TRY(read_operands(context, (uintptr_t)kernel, &c, &read));
  c.kernel = read.w.extents[2];
  const size_t seen = c.kernel * c.kernel * c.inputs, lanes = read.lanes;
  if (read.w.extents[3] != read.w.extents[2] || c.kernel == 0 || seen > most_inputs) {
    return fail("expected a square kernel that sees at most 65536 values");
  }
  if (c.height + 2 * c.pad < c.kernel || c.width + 2 * c.pad < c.kernel) {
    return fail("the kernel is larger than the image");
  }
  c.down = c.output_height = (c.height + 2 * c.pad - c.kernel) / c.stride + 1;
  c.across = c.output_width = (c.width + 2 * c.pad - c.kernel) / c.stride + 1;
  c.part = lanes == 8 ? convolve_part_8 : convolve_part_16;
  divide(&c, &read, places_at_a_time, c.kernel * c.kernel, 2);
  c.sums_plane = c.step * c.output_step * lanes;
  c.scratch_floats = c.sums_plane + room_of(c.step, lanes) * seen;
  return run_convolution(context, &c, &read, seen / lanes);
#else
  return (void)kernel, (void)context, fail("there is no kernel for this processor");
#endif
}

/* Floats of a plane: never a multiple of a page, or the planes would want the same cache lines. */
static size_t plane_of(size_t floats) { return (floats + 15) / 16 * 16 + 16; }

static Status *compute_convolve_tiles(void *kernel, void *context) {
#if defined(__x86_64__)
  Convolution c = {0};
  Operands read = {0};
  TRY(read_operands(context, (uintptr_t)kernel, &c, &read));
  const size_t edge = c.stride == 1 ? 6 : 5, side = c.stride == 1 ? 4 : 2, lanes = read.lanes;
  if (read.count > 1 || c.stride > 2 || c.pad != 1) {
    return fail("expected one X, a stride of 1 or 2, and a pad of 1");
  }
  if (read.w.extents[2] != (int64_t)edge || read.w.extents[3] != (int64_t)edge) {
    return fail("expected weights of 6 x 6 products, or of 5 x 5 for a stride of 2");
  }
  if (c.height == 0 || c.width == 0) return fail("the image is empty");
  c.output_height = (c.height - 1) / c.stride + 1;
  c.output_width = (c.width - 1) / c.stride + 1;
  c.down = (c.output_height + side - 1) / side, c.across = (c.output_width + side - 1) / side;
  /* A product sees nothing of the image itself. */
  c.kernel = 1;
  /* Many weights are read once for more tiles, where few threads read them. */
  const int is_more = c.threads > 0 && c.threads <= 4 && read.w.count > many_weights;
  /* Transforming a tile's inputs takes as long as some 13 of its outputs. */
  const size_t again = 2 + 1280 / c.outputs;
  divide(&c, &read, is_more ? most_tiles_at_a_time : tiles_at_a_time, edge * edge, again);
  c.seen_plane = plane_of(room_of(c.step, lanes) * c.inputs);
  c.sums_plane = plane_of(c.step * c.output_step * lanes);
  c.scratch_floats = edge * edge * (c.seen_plane + c.sums_plane);
  if (lanes == 8) c.part = edge == 6 ? tiles_of_6_part_8 : tiles_of_5_part_8;
  else c.part = edge == 6 ? tiles_of_6_part_16 : tiles_of_5_part_16;
  return run_convolution(context, &c, &read, c.inputs / lanes);
#else
  return (void)kernel, (void)context, fail("there is no kernel for this processor");
#endif
}

/* An operator in sessions of so many threads. */
typedef struct {
  Operator operator;
  size_t threads;
} ThreadedOperator;

static Status *create_convolve(const Operator *op, const void *api_, const void *info,
                               void **kernel) {
  (void)api_;
  static const char *const names[] = {"adds", "pad", "silu", "stride"};
  int64_t values[4];
  for (size_t i = 0; i < 4; i++) {
    TRY(CALL(get_integer_attribute, (const void *, const char *, int64_t *), info, names[i],
             &values[i]));
    if (values[i] < 0 || values[i] > 255) return fail("expected attributes of 0 to 255");
  }
  const uintptr_t adds = values[0] != 0, pad = values[1], silu = values[2] != 0;
  const uintptr_t stride = values[3];
  if (stride == 0) return fail("expected a stride of 1 or more");
  *kernel = (void *)(kernel_bit | pad << pad_shift | stride << stride_shift |
                     (uintptr_t)((const ThreadedOperator *)op)->threads << threads_shift |
                     (adds ? adds_bit : 0) | (silu ? silu_bit : 0));
  return NULL;
}

static const char *get_convolve(const Operator *op) { return (void)op, "Convolve"; }
static const char *get_convolve_tiles(const Operator *op) { return (void)op, "ConvolveTiles"; }

/* The last input may be several. */
static int last_is_variadic(const Operator *op, size_t i) { return (void)op, i == 2 ? 2 : 0; }

#define CONVOLVE_BASE                                                                          \
  OPERATOR_BASE, .get_input_type = get_float, .get_input_count = three,                        \
                 .get_output_type = get_float, .get_output_count = one,                        \
                 .get_input_characteristic = last_is_variadic,                                 \
                 .create_kernel = create_convolve, .get_may_inplace = no_pairs

static const Operator convolve_operator = {
    CONVOLVE_BASE,
    .get_name = get_convolve,
    .compute = compute_convolve,
};

static const Operator convolve_tiles_operator = {
    CONVOLVE_BASE,
    .get_name = get_convolve_tiles,
    .compute = compute_convolve_tiles,
};
