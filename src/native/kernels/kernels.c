/*
 * Operators that ONNX Runtime lacks, as a library of custom operators for it.
 *
 * orangery.LookUp(X, table) -> Y: Y[i] = table[X[i]], all uint8, table of 256.
 *
 * An int8 network computes each SiLU by two operators, a sigmoid and a product, each of which reads
 * and writes all bytes one by one: a quarter of its time. Of a byte there are 256, so that both
 * together are one table (graph/cpu/look-up-silus.ts).
 *
 * `npm run build:kernels` makes the binaries beside this file, without a C library, so that they
 * load on any Linux. Layouts and positions are those of onnxruntime_c_api.h, up to what is used.
 */
#include <stddef.h>
#include <stdint.h>

#ifndef ORIGIN
#define ORIGIN ""
#endif

#define API __attribute__((visibility("default")))

/* The hash of this file and the compiler, for the test that the binary is made by them. */
API const char orangery_kernels_origin[] = ORIGIN;

/* Looking up */

enum { table_bytes = 256 };

typedef void LookUp(const uint8_t *x, const uint8_t *table, uint8_t *y, size_t count);

static void look_up_plain(const uint8_t *x, const uint8_t *table, uint8_t *y, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = table[x[i]];
}

#if defined(__x86_64__)
#include <immintrin.h>

/*
 * Sixteen rows of sixteen bytes, of which `pshufb` takes one by the lower four bits and gives 0 for
 * a negative index. Rows are combined by exclusive or with the row before, so that all rows up to
 * an index give the row of that index; each half of the table has its own sum.
 */
__attribute__((target("avx2"))) static void look_up_avx2(const uint8_t *x, const uint8_t *table,
                                                         uint8_t *y, size_t count) {
  __m256i rows[16];
  for (int row = 0; row < 16; row++) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(table + 16 * row));
    if (row % 8 != 0) {
      bytes = _mm_xor_si128(bytes, _mm_loadu_si128((const __m128i *)(table + 16 * row - 16)));
    }
    rows[row] = _mm256_broadcastsi128_si256(bytes);
  }
  const __m256i sixteen = _mm256_set1_epi8(16), half = _mm256_set1_epi8((char)128);
  size_t i = 0;
  for (; i + 32 <= count; i += 32) {
    const __m256i index = _mm256_loadu_si256((const __m256i *)(x + i));
    __m256i lower = index, upper = _mm256_xor_si256(index, half);
    __m256i below = _mm256_setzero_si256(), above = below;
    for (int row = 0; row < 8; row++) {
      below = _mm256_xor_si256(below, _mm256_shuffle_epi8(rows[row], lower));
      above = _mm256_xor_si256(above, _mm256_shuffle_epi8(rows[8 + row], upper));
      lower = _mm256_sub_epi8(lower, sixteen);
      upper = _mm256_sub_epi8(upper, sixteen);
    }
    _mm256_storeu_si256((__m256i *)(y + i), _mm256_blendv_epi8(below, above, index));
  }
  look_up_plain(x + i, table, y + i, count - i);
}

__attribute__((target("avx512f,avx512bw,avx512vbmi"))) static void look_up_vbmi(
    const uint8_t *x, const uint8_t *table, uint8_t *y, size_t count) {
  const __m512i first = _mm512_loadu_si512(table), second = _mm512_loadu_si512(table + 64);
  const __m512i third = _mm512_loadu_si512(table + 128), fourth = _mm512_loadu_si512(table + 192);
  for (size_t i = 0; i < count; i += 64) {
    const size_t left = count - i;
    const __mmask64 taken = left < 64 ? ((__mmask64)1 << left) - 1 : ~(__mmask64)0;
    const __m512i index = _mm512_maskz_loadu_epi8(taken, x + i);
    const __m512i below = _mm512_permutex2var_epi8(first, index, second);
    const __m512i above = _mm512_permutex2var_epi8(third, index, fourth);
    const __mmask64 is_above = _mm512_movepi8_mask(index);
    _mm512_mask_storeu_epi8(y + i, taken, _mm512_mask_blend_epi8(is_above, below, above));
  }
}
#endif

/* The ways to look up, the quickest last; null for one that this processor cannot go. */
static LookUp *way(int number) {
  if (number == 0) return look_up_plain;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (number == 1 && __builtin_cpu_supports("avx2")) return look_up_avx2;
  if (number == 2 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi")) {
    return look_up_vbmi;
  }
#endif
  return NULL;
}

static LookUp *quickest(void) {
  LookUp *found = way(2);
  if (found == NULL) found = way(1);
  return found == NULL ? look_up_plain : found;
}

/* For tests: looks up in one of the ways. Returns whether this processor can. */
API int orangery_look_up(int number, const uint8_t *x, const uint8_t *table, uint8_t *y,
                         size_t count) {
  LookUp *look_up = way(number);
  if (look_up != NULL) look_up(x, table, y, count);
  return look_up != NULL;
}

/* The runtime's interface */

typedef void Status;

typedef struct {
  void *const *(*get_api)(uint32_t version);
  const char *(*get_version)(void);
} ApiBase;

/* The first version that has all that is used. */
enum { api_version = 18 };

/* Positions in OrtApi. */
enum {
  create_status = 0,
  create_domain = 26,
  add_operator = 27,
  add_domain = 28,
  get_tensor_data = 51,
  get_dimension_count = 61,
  get_dimensions = 62,
  get_element_count = 64,
  get_shape = 65,
  get_input = 90,
  get_output = 91,
  release_shape = 99,
  parallel_for = 274,
};

enum { invalid_argument = 2, uint8_elements = 2, most_dimensions = 8 };

static void *const *api;
static LookUp *look_up;

#define CALL(position, types, ...) (((Status * (*) types) api[position])(__VA_ARGS__))
#define TRY(call)                          \
  do {                                     \
    Status *status = (call);               \
    if (status != NULL) return status;     \
  } while (0)

typedef struct {
  const uint8_t *x, *table;
  uint8_t *y;
  size_t count;
} Work;

/* Bytes that one thread takes at a time. */
enum { block_bytes = 64 * 1024 };

static void look_up_block(void *data, size_t block) {
  const Work *work = data;
  const size_t from = block * block_bytes, left = work->count - from;
  const size_t count = left < block_bytes ? left : block_bytes;
  look_up(work->x + from, work->table, work->y + from, count);
}

static Status *read_shape(const void *value, int64_t *extents, size_t *dimensions, size_t *count) {
  void *shape;
  TRY(CALL(get_shape, (const void *, void **), value, &shape));
  Status *status = CALL(get_dimension_count, (const void *, size_t *), shape, dimensions);
  if (status == NULL && *dimensions > most_dimensions) {
    status = CALL(create_status, (int, const char *), invalid_argument,
                  "LookUp: expected at most 8 dimensions");
  }
  if (status == NULL) {
    status = CALL(get_dimensions, (const void *, int64_t *, size_t), shape, extents, *dimensions);
  }
  if (status == NULL) status = CALL(get_element_count, (const void *, size_t *), shape, count);
  ((void (*)(void *))api[release_shape])(shape);
  return status;
}

static Status *compute(void *kernel, void *context) {
  (void)kernel;
  const void *x, *table;
  void *y, *from, *by, *to;
  int64_t extents[most_dimensions], table_extents[most_dimensions];
  size_t dimensions, count, table_dimensions, table_count;
  TRY(CALL(get_input, (const void *, size_t, const void **), context, 0, &x));
  TRY(CALL(get_input, (const void *, size_t, const void **), context, 1, &table));
  TRY(read_shape(x, extents, &dimensions, &count));
  TRY(read_shape(table, table_extents, &table_dimensions, &table_count));
  if (table_count != table_bytes) {
    return CALL(create_status, (int, const char *), invalid_argument,
                "LookUp: expected a table of 256 bytes");
  }
  TRY(CALL(get_output, (void *, size_t, const int64_t *, size_t, void **), context, 0, extents,
           dimensions, &y));
  TRY(CALL(get_tensor_data, (const void *, void **), x, &from));
  TRY(CALL(get_tensor_data, (const void *, void **), table, &by));
  TRY(CALL(get_tensor_data, (const void *, void **), y, &to));
  Work work = {from, by, to, count};
  const size_t blocks = (count + block_bytes - 1) / block_bytes;
  if (blocks > 1) {
    return CALL(parallel_for, (const void *, void (*)(void *, size_t), size_t, size_t, void *),
                context, look_up_block, blocks, 0, &work);
  }
  if (count > 0) look_up_block(&work, 0);
  return NULL;
}

/* `OrtCustomOp`. */
typedef struct Operator {
  uint32_t version;
  void *create_kernel_before_16;
  const char *(*get_name)(const struct Operator *);
  const char *(*get_provider)(const struct Operator *);
  int (*get_input_type)(const struct Operator *, size_t);
  size_t (*get_input_count)(const struct Operator *);
  int (*get_output_type)(const struct Operator *, size_t);
  size_t (*get_output_count)(const struct Operator *);
  void *compute_before_16;
  void (*destroy_kernel)(void *);
  int (*get_input_characteristic)(const struct Operator *, size_t);
  int (*get_output_characteristic)(const struct Operator *, size_t);
  int (*get_input_memory)(const struct Operator *, size_t);
  int (*variadic[4])(const struct Operator *);
  Status *(*create_kernel)(const struct Operator *, const void *api, const void *info, void **);
  Status *(*compute)(void *kernel, void *context);
  void *infer_shape;
  int (*get_start_version)(const struct Operator *);
  int (*get_end_version)(const struct Operator *);
  size_t (*get_may_inplace)(int **inputs, int **outputs);
  void (*release_may_inplace)(int *, int *);
  size_t (*get_aliases)(int **inputs, int **outputs);
  void (*release_aliases)(int *, int *);
} Operator;

static const char *get_name(const Operator *op) { return (void)op, "LookUp"; }
static const char *get_provider(const Operator *op) { return (void)op, "CPUExecutionProvider"; }
static int get_type(const Operator *op, size_t i) { return (void)op, (void)i, uint8_elements; }
static size_t one(const Operator *op) { return (void)op, 1; }
static size_t two(const Operator *op) { return (void)op, 2; }
static int is_required(const Operator *op, size_t i) { return (void)op, (void)i, 0; }
static int is_of_provider(const Operator *op, size_t i) { return (void)op, (void)i, 0; }
static int at_least_one(const Operator *op) { return (void)op, 1; }
static int any_version(const Operator *op) { return (void)op, INT32_MAX; }
static void nothing(void *kernel) { (void)kernel; }

/* There is nothing to keep, but null would be no kernel. */
static Status *create_kernel(const Operator *op, const void *api_, const void *info, void **kernel) {
  (void)api_, (void)info;
  *kernel = (void *)op;
  return NULL;
}

/* X may become Y where nobody else reads it. */
static size_t may_inplace(int **inputs, int **outputs) {
  static int first = 0;
  *inputs = *outputs = &first;
  return 1;
}
static size_t no_aliases(int **inputs, int **outputs) { return (void)inputs, (void)outputs, 0; }
static void keep(int *inputs, int *outputs) { (void)inputs, (void)outputs; }

static const Operator look_up_operator = {
    .version = api_version,
    .get_name = get_name,
    .get_provider = get_provider,
    .get_input_type = get_type,
    .get_input_count = two,
    .get_output_type = get_type,
    .get_output_count = one,
    .destroy_kernel = nothing,
    .get_input_characteristic = is_required,
    .get_output_characteristic = is_required,
    .get_input_memory = is_of_provider,
    .variadic = {at_least_one, at_least_one, at_least_one, at_least_one},
    .create_kernel = create_kernel,
    .compute = compute,
    .get_start_version = at_least_one,
    .get_end_version = any_version,
    .get_may_inplace = may_inplace,
    .release_may_inplace = keep,
    .get_aliases = no_aliases,
    .release_aliases = keep,
};

/*
 * ONNX Runtime calls this for each session's options. They keep the domain until the process ends:
 * whoever made it would have to release it after the last session, which nobody knows here.
 */
API Status *RegisterCustomOps(void *options, const ApiBase *base) {
  static void *domain;
  __atomic_store_n(&api, base->get_api(api_version), __ATOMIC_RELEASE);
  __atomic_store_n(&look_up, quickest(), __ATOMIC_RELEASE);
  void *known = __atomic_load_n(&domain, __ATOMIC_ACQUIRE);
  if (known == NULL) {
    /* Two threads may make one each; both serve. */
    TRY(CALL(create_domain, (const char *, void **), "orangery", &known));
    TRY(CALL(add_operator, (void *, const Operator *), known, &look_up_operator));
    __atomic_store_n(&domain, known, __ATOMIC_RELEASE);
  }
  return CALL(add_domain, (void *, void *), options, known);
}
