/*
 * orangery.LookUp(X, table) -> Y: Y[i] = table[X[i]], all uint8, table of 256.
 *
 * An int8 network computes each SiLU by two operators, a sigmoid and a product, each of which reads
 * and writes all bytes one by one: a quarter of its time. Of a byte there are 256, so that both
 * together are one table (graph/cpu/int8/look-up-silus.ts).
 */
enum { table_bytes = 256 };

typedef void LookUp(const uint8_t *x, const uint8_t *table, uint8_t *y, size_t count);

static void look_up_plain(const uint8_t *x, const uint8_t *table, uint8_t *y, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = table[x[i]];
}

#if defined(__x86_64__)

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

/* The operator */

typedef struct {
  const uint8_t *x, *table;
  uint8_t *y;
  size_t count;
} LookUpWork;

/* Bytes that one thread takes at a time. */
enum { bytes_at_a_time = 64 * 1024 };

static LookUp *look_up;

static void look_up_part(void *data, size_t part) {
  const LookUpWork *work = data;
  const size_t from = part * bytes_at_a_time, left = work->count - from;
  const size_t count = left < bytes_at_a_time ? left : bytes_at_a_time;
  look_up(work->x + from, work->table, work->y + from, count);
}

static Status *compute_look_up(void *kernel, void *context) {
  (void)kernel;
  Tensor x, table;
  TRY(read_input(context, 0, &x));
  TRY(read_input(context, 1, &table));
  if (table.count != table_bytes) return fail("LookUp: expected a table of 256 bytes");
  Tensor y = x;
  TRY(make_output(context, 0, &y));
  LookUpWork work = {x.data, table.data, y.data, x.count};
  return run_parts(context, look_up_part, (x.count + bytes_at_a_time - 1) / bytes_at_a_time, &work);
}

/* X may become Y where nobody else reads it. */
static size_t first_in_place(int **inputs, int **outputs) {
  static int first = 0;
  *inputs = *outputs = &first;
  return 1;
}

static const char *get_look_up(const Operator *op) { return (void)op, "LookUp"; }

static const Operator look_up_operator = {
    OPERATOR_BASE,
    .get_name = get_look_up,
    .get_input_type = get_uint8,
    .get_input_count = two,
    .get_input_characteristic = is_required,
    .get_output_type = get_uint8,
    .get_output_count = one,
    .create_kernel = create_nothing,
    .compute = compute_look_up,
    .get_may_inplace = first_in_place,
};
