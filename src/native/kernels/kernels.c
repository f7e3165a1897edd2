/*
 * Operators that ONNX Runtime lacks, as a library of custom operators for it.
 *
 * `npm run build:kernels` makes the binaries beside this file, without a C library, so that they
 * load on any Linux.
 */
#include <stddef.h>
#include <stdint.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#ifndef ORIGIN
#define ORIGIN ""
#endif

#define API __attribute__((visibility("default")))

#include "runtime.h"

#include "look-up.h"

#include "pixels.h"

#include "convolve-pixels.h"

#include "convolve.h"

/* The hash of the sources and the compiler, for the test that the binary is made by them. */
API const char orangery_kernels_origin[] = ORIGIN;

/* Whether a session is said to have one to four threads: the entry `orangery.threads`. */
static int has_few_threads(const void *options) {
  char value[2];
  size_t size = sizeof value;
  Status *status = CALL(get_session_config_entry, (const void *, const char *, char *, size_t *),
                        options, "orangery.threads", value, &size);
  if (status != NULL) return ((void (*)(void *))api[release_status])(status), 0;
  return value[0] >= '1' && value[0] <= '4' && value[1] == 0;
}

/*
 * ONNX Runtime calls this for each session's options. They keep the domain until the process ends:
 * whoever made it would have to release it after the last session, which nobody knows here.
 */
API Status *RegisterCustomOps(void *options, const ApiBase *base) {
  static void *domains[2];
  __atomic_store_n(&api, base->get_api(api_version), __ATOMIC_RELEASE);
  __atomic_store_n(&look_up, quickest(), __ATOMIC_RELEASE);
  if (!choose_convolve_pixels(2)) choose_convolve_pixels(1);
  const int is_few = has_few_threads(options);
  void *known = __atomic_load_n(&domains[is_few], __ATOMIC_ACQUIRE);
  if (known == NULL) {
    const Operator *const operators[] = {
        &look_up_operator, &to_planes_operator, &convolve_pixels_operator, &convolve_operator,
        is_few ? &convolve_tiles_by_few_operator : &convolve_tiles_operator};
    /* Two threads may make one each; both serve. */
    TRY(CALL(create_domain, (const char *, void **), "orangery", &known));
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
      TRY(CALL(add_operator, (void *, const Operator *), known, operators[i]));
    }
    __atomic_store_n(&domains[is_few], known, __ATOMIC_RELEASE);
  }
  return CALL(add_domain, (void *, void *), options, known);
}
