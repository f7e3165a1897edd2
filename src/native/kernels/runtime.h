/*
 * ONNX Runtime's interface to operators: layouts and positions are those of onnxruntime_c_api.h,
 * up to what is used here.
 */

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
  allocator_alloc = 75,
  allocator_free = 76,
  get_integer_attribute = 86,
  get_input_count = 88,
  get_input = 90,
  get_output = 91,
  release_status = 93,
  release_shape = 99,
  release_allocator = 132,
  get_memory = 194,
  get_session_config_entry = 238,
  get_allocator = 253,
  parallel_for = 274,
};

enum { failed = 1, invalid_argument = 2 };
enum { float_elements = 1, uint8_elements = 2 };
enum { most_dimensions = 8 };

static void *const *api;

#define CALL(position, types, ...) (((Status * (*) types) api[position])(__VA_ARGS__))
#define TRY(call)                          \
  do {                                     \
    Status *status = (call);               \
    if (status != NULL) return status;     \
  } while (0)

static Status *fail(const char *message) {
  return CALL(create_status, (int, const char *), invalid_argument, message);
}

/* A tensor that an operator reads or writes. */
typedef struct {
  void *data;
  int64_t extents[most_dimensions];
  size_t dimensions, count;
} Tensor;

static Status *read_shape(const void *value, Tensor *tensor) {
  void *shape;
  TRY(CALL(get_shape, (const void *, void **), value, &shape));
  Status *status = CALL(get_dimension_count, (const void *, size_t *), shape, &tensor->dimensions);
  if (status == NULL && tensor->dimensions > most_dimensions) {
    status = fail("expected at most 8 dimensions");
  }
  if (status == NULL) {
    status = CALL(get_dimensions, (const void *, int64_t *, size_t), shape, tensor->extents,
                  tensor->dimensions);
  }
  if (status == NULL) {
    status = CALL(get_element_count, (const void *, size_t *), shape, &tensor->count);
  }
  ((void (*)(void *))api[release_shape])(shape);
  return status;
}

static Status *read_input(const void *context, size_t number, Tensor *tensor) {
  const void *value;
  TRY(CALL(get_input, (const void *, size_t, const void **), context, number, &value));
  TRY(read_shape(value, tensor));
  return CALL(get_tensor_data, (const void *, void **), value, &tensor->data);
}

/* Makes an output of the extents that `tensor` has. */
static Status *make_output(void *context, size_t number, Tensor *tensor) {
  void *value;
  TRY(CALL(get_output, (void *, size_t, const int64_t *, size_t, void **), context, number,
           tensor->extents, tensor->dimensions, &value));
  return CALL(get_tensor_data, (const void *, void **), value, &tensor->data);
}

/* The allocator of an operator's inputs: the CPU's arena. It is to be released. */
static Status *open_allocator(const void *context, void **allocator) {
  const void *value, *memory;
  TRY(CALL(get_input, (const void *, size_t, const void **), context, 0, &value));
  TRY(CALL(get_memory, (const void *, const void **), value, &memory));
  return CALL(get_allocator, (const void *, const void *, void **), context, memory, allocator);
}

static void close_allocator(void *allocator) {
  ((void (*)(void *))api[release_allocator])(allocator);
}

/* NULL where there is not enough memory. */
static void *allocate(void *allocator, size_t bytes) {
  void *memory = NULL;
  Status *status = CALL(allocator_alloc, (void *, size_t, void **), allocator, bytes, &memory);
  if (status == NULL) return memory;
  ((void (*)(Status *))api[release_status])(status);
  return NULL;
}

static void deallocate(void *allocator, void *memory) {
  Status *status = CALL(allocator_free, (void *, void *), allocator, memory);
  if (status != NULL) ((void (*)(Status *))api[release_status])(status);
}

/* Calls a function for 0 to `count` - 1 on the threads of the run. */
static Status *run_parts(const void *context, void (*part)(void *, size_t), size_t count,
                         void *work) {
  if (count > 1) {
    return CALL(parallel_for, (const void *, void (*)(void *, size_t), size_t, size_t, void *),
                context, part, count, 0, work);
  }
  if (count > 0) part(work, 0);
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

static const char *get_provider(const Operator *op) { return (void)op, "CPUExecutionProvider"; }
static int get_float(const Operator *op, size_t i) { return (void)op, (void)i, float_elements; }
static int get_uint8(const Operator *op, size_t i) { return (void)op, (void)i, uint8_elements; }
static size_t one(const Operator *op) { return (void)op, 1; }
static size_t two(const Operator *op) { return (void)op, 2; }
static size_t three(const Operator *op) { return (void)op, 3; }
static int is_required(const Operator *op, size_t i) { return (void)op, (void)i, 0; }
static int is_of_provider(const Operator *op, size_t i) { return (void)op, (void)i, 0; }
static int at_least_one(const Operator *op) { return (void)op, 1; }
static int any_version(const Operator *op) { return (void)op, INT32_MAX; }
/* There is nothing to keep, but null would be no kernel. */
static Status *create_nothing(const Operator *op, const void *api_, const void *info,
                              void **kernel) {
  (void)api_, (void)info;
  *kernel = (void *)op;
  return NULL;
}
static void destroy_nothing(void *kernel) { (void)kernel; }
static size_t no_pairs(int **inputs, int **outputs) { return (void)inputs, (void)outputs, 0; }
static void keep_pairs(int *inputs, int *outputs) { (void)inputs, (void)outputs; }

/* What all operators have in common. */
#define OPERATOR_BASE                                                                    \
  .version = api_version, .get_provider = get_provider, .destroy_kernel = destroy_nothing, \
  .get_output_characteristic = is_required,                                              \
  .get_input_memory = is_of_provider,                                                    \
  .variadic = {at_least_one, at_least_one, at_least_one, at_least_one},                  \
  .get_start_version = at_least_one, .get_end_version = any_version,                     \
  .release_may_inplace = keep_pairs, .get_aliases = no_pairs, .release_aliases = keep_pairs
