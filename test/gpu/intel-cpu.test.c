/*
 * A plugin in front of OpenVINO's, in which every CPU is one of Intel: OpenVINO computes on AMD's as
 * well, and its plugin does not offer them. All else is passed on.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const void *(*get_api)(uint32_t version);
  const char *(*get_version)(void);
} ApiBase;
typedef void *(*Create)(const char *, const ApiBase *, const void *, void **, size_t, size_t *);
typedef void *(*Release)(void *);

/* More functions than OrtApi has, and the position of the one that is replaced. */
enum { functions = 600, hardware_device_vendor_id = 308 };

static const ApiBase *runtime;
static void *table[functions];
static void *plugin;

static uint32_t intel(const void *device) {
  (void)device;
  return 0x8086;
}

static const void *get_api(uint32_t version) {
  const void *api = runtime->get_api(version);
  if (api == NULL) return NULL;
  memcpy(table, api, sizeof table);
  table[hardware_device_vendor_id] = (void *)intel;
  return table;
}

void *CreateEpFactories(const char *name, const ApiBase *base, const void *logger,
                        void **factories, size_t most, size_t *found) {
  static ApiBase own;
  runtime = base;
  own = *base;
  own.get_api = get_api;
  plugin = dlopen(getenv("ORANGERY_TEST_OPENVINO"), RTLD_NOW);
  Create create = (Create)dlsym(plugin, "CreateEpFactories");
  return create(name, &own, logger, factories, most, found);
}

void *ReleaseEpFactory(void *factory) {
  return ((Release)dlsym(plugin, "ReleaseEpFactory"))(factory);
}
