/*
 * A plugin for ONNX Runtime that stands for the CPU and makes no sessions: it returns the option
 * that it was given instead. With -DAPI_VERSION=999 it asks for a runtime that there is not yet, and
 * calls into what it got, as plugins do. With -DREFUSES it returns an error when it is registered,
 * and with -DNAME it has another name.
 * Layouts are those of onnxruntime_c_api.h and onnxruntime_ep_c_api.h, up to what is used.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef NAME
#define NAME "PretendExecutionProvider"
#endif
#ifndef API_VERSION
#define API_VERSION 23
#endif

typedef struct {
  const void *(*get_api)(uint32_t version);
  const char *(*get_version)(void);
} ApiBase;

/* Positions in OrtApi. */
enum { create_status = 0, get_session_config_entry = 238, hardware_device_type = 307, get_ep_api = 317 };
enum { fail = 1, cpu = 0 };

typedef void *(*CreateStatus)(int code, const char *message);
typedef void *(*GetSessionConfigEntry)(const void *options, const char *key, char *value, size_t *size);
typedef int (*HardwareDeviceType)(const void *device);
typedef void *const *(*GetEpApi)(void);
typedef void *(*CreateEpDevice)(void *factory, const void *hardware, const void *metadata,
                                const void *options, void **device);

static void *const *api;

typedef struct Factory {
  uint32_t version;
  const char *(*get_name)(const struct Factory *);
  const char *(*get_vendor)(const struct Factory *);
  void *(*get_supported_devices)(struct Factory *, const void *const *devices, size_t count,
                                 void **ep_devices, size_t most, size_t *found);
  void *(*create_ep)(struct Factory *, const void *const *devices, const void *const *metadata,
                     size_t count, const void *options, const void *logger, void **ep);
  void (*release_ep)(struct Factory *, void *ep);
  uint32_t (*get_vendor_id)(const struct Factory *);
  const char *(*get_version)(const struct Factory *);
  void *validate_compiled_model;
  void *create_allocator;
  void *release_allocator;
  void *(*create_data_transfer)(struct Factory *, void **transfer);
  _Bool (*is_stream_aware)(const struct Factory *);
  /* Of later versions, which are not called of this one. */
  void *later[16];
} Factory;

static const char *get_name(const Factory *factory) {
  (void)factory;
  return NAME;
}

static const char *get_vendor(const Factory *factory) {
  (void)factory;
  return "Orangery";
}

static void *get_supported_devices(Factory *factory, const void *const *devices, size_t count,
                                   void **ep_devices, size_t most, size_t *found) {
  CreateEpDevice create = (CreateEpDevice)((GetEpApi)api[get_ep_api])()[0];
  *found = 0;
  for (size_t at = 0; at < count && *found < most; at++) {
    if (((HardwareDeviceType)api[hardware_device_type])(devices[at]) != cpu) continue;
    void *status = create(factory, devices[at], NULL, NULL, &ep_devices[(*found)++]);
    if (status != NULL) return status;
  }
  return NULL;
}

static void *create_ep(Factory *factory, const void *const *devices, const void *const *metadata,
                       size_t count, const void *options, const void *logger, void **ep) {
  (void)factory, (void)devices, (void)metadata, (void)count, (void)logger, (void)ep;
  char message[128] = "this provider only pretends; its wish is ";
  size_t size = sizeof message - strlen(message);
  void *status = ((GetSessionConfigEntry)api[get_session_config_entry])(
      options, "ep.pretendexecutionprovider.wish", message + strlen(message), &size);
  return status != NULL ? status : ((CreateStatus)api[create_status])(fail, message);
}

static void release_ep(Factory *factory, void *ep) { (void)factory, (void)ep; }

static uint32_t get_vendor_id(const Factory *factory) {
  (void)factory;
  return 0;
}

static const char *get_version(const Factory *factory) {
  (void)factory;
  return "1.2.3";
}

static void *create_data_transfer(Factory *factory, void **transfer) {
  (void)factory;
  *transfer = NULL;
  return NULL;
}

static _Bool is_stream_aware(const Factory *factory) {
  (void)factory;
  return 0;
}

static Factory factory = {
    .version = 23,
    .get_name = get_name,
    .get_vendor = get_vendor,
    .get_supported_devices = get_supported_devices,
    .create_ep = create_ep,
    .release_ep = release_ep,
    .get_vendor_id = get_vendor_id,
    .get_version = get_version,
    .create_data_transfer = create_data_transfer,
    .is_stream_aware = is_stream_aware,
};

void *CreateEpFactories(const char *name, const ApiBase *base, const void *logger, void **factories,
                        size_t most, size_t *found) {
  (void)name, (void)logger, (void)most;
  api = base->get_api(API_VERSION);
#ifdef REFUSES
  return ((CreateStatus)api[create_status])(fail, "there is no licence");
#endif
  /* Without a table this ends the process. */
  if (api[create_status] == NULL) return NULL;
  factories[0] = &factory;
  *found = 1;
  return NULL;
}

void *ReleaseEpFactory(void *released) {
  (void)released;
  return NULL;
}
