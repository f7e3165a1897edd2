/*
 * A library with the binary interface of NVML (nvml.h) and three invented GPUs, so that the binding
 * is tested against compiled C where there is no NVIDIA driver. nvml.test.ts compiles it.
 *
 * FAKE_NVML_INIT: the status that nvmlInit_v2 returns. FAKE_NVML_LOST: every reading says so.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int nvmlReturn_t;
typedef struct nvmlDevice_st { int index; const char *name; const char *uuid; } *nvmlDevice_t;
typedef struct { unsigned long long total, free, used; } nvmlMemory_t;
typedef struct { unsigned int gpu, memory; } nvmlUtilization_t;
typedef struct {
    unsigned int pid;
    unsigned long long usedGpuMemory;
    unsigned int gpuInstanceId, computeInstanceId;
} nvmlProcessInfo_v2_t;

_Static_assert(sizeof(nvmlMemory_t) == 24, "as in nvml.h");
_Static_assert(sizeof(nvmlUtilization_t) == 8, "as in nvml.h");
_Static_assert(sizeof(nvmlProcessInfo_v2_t) == 24, "as in nvml.h");

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7, LOST = 15 };
#define GIB (1ULL << 30)

static struct nvmlDevice_st gpus[] = {
    {0, "Fake GPU", "GPU-00000000-aaaa"}, {1, "Fake GPU", "GPU-11111111-bbbb"}, {2, "Fake GPU", "GPU-22222222-cccc"},
};
static int open_count = 0;

static nvmlReturn_t write_text(const char *text, char *out, unsigned int length) {
    if (strlen(text) + 1 > length) return INSUFFICIENT_SIZE;
    strcpy(out, text);
    return SUCCESS;
}

nvmlReturn_t nvmlInit_v2(void) {
    const char *status = getenv("FAKE_NVML_INIT");
    if (status) return atoi(status);
    open_count++;
    return SUCCESS;
}
nvmlReturn_t nvmlShutdown(void) { return open_count-- > 0 ? SUCCESS : 1; }
int fake_open_count(void) { return open_count; }
const char *nvmlErrorString(nvmlReturn_t status) { return status == LOST ? "GPU is lost" : "Some error"; }

nvmlReturn_t nvmlSystemGetDriverVersion(char *out, unsigned int length) { return write_text("570.86.15", out, length); }
nvmlReturn_t nvmlSystemGetNVMLVersion(char *out, unsigned int length) { return write_text("12.570.86.15", out, length); }
nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 12080; return SUCCESS; }

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count) { *count = 3; return SUCCESS; }
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device) {
    if (index > 2) return INVALID_ARGUMENT;
    *device = &gpus[index];
    return SUCCESS;
}
nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t d, char *out, unsigned int length) { return write_text(d->name, out, length); }
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t d, char *out, unsigned int length) { return write_text(d->uuid, out, length); }

/* GPU 0 is large, more than 32 bits count. */
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t d, nvmlMemory_t *memory) {
    if (getenv("FAKE_NVML_LOST")) return LOST;
    memory->total = d->index == 0 ? 141 * GIB : 24 * GIB;
    memory->used = 5 * GIB + d->index;
    memory->free = memory->total - memory->used;
    return SUCCESS;
}

/* GPU 2 does not report it. */
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t d, nvmlUtilization_t *busy) {
    if (d->index == 2) return NOT_SUPPORTED;
    busy->gpu = 87 + d->index;
    busy->memory = 41;
    return SUCCESS;
}

static nvmlReturn_t write_processes(const nvmlProcessInfo_v2_t *all, unsigned int n, unsigned int *count, nvmlProcessInfo_v2_t *out) {
    unsigned int room = *count;
    *count = n;
    if (n > room) return INSUFFICIENT_SIZE;
    memcpy(out, all, n * sizeof *all);
    return SUCCESS;
}

/* GPU 0: 99 others and two parts of us. GPU 1: we, but the driver does not know how much. GPU 2: others. */
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t d, unsigned int *count, nvmlProcessInfo_v2_t *out) {
    unsigned int self = (unsigned int)getpid();
    if (d->index == 0) {
        nvmlProcessInfo_v2_t all[101];
        for (int i = 0; i < 101; i++) all[i] = (nvmlProcessInfo_v2_t){4000000 + i, 1, ~0u, ~0u};
        all[50] = (nvmlProcessInfo_v2_t){self, 6 * GIB, 1, 0};
        all[100] = (nvmlProcessInfo_v2_t){self, 7, 2, 0};
        return write_processes(all, 101, count, out);
    }
    nvmlProcessInfo_v2_t one = {d->index == 1 ? self : 4000000, ~0ULL, ~0u, ~0u};
    return write_processes(&one, 1, count, out);
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v2(nvmlDevice_t d, unsigned int *count, nvmlProcessInfo_v2_t *out) {
    nvmlProcessInfo_v2_t us = {(unsigned int)getpid(), 3 * GIB, ~0u, ~0u};
    return d->index == 0 ? write_processes(&us, 1, count, out) : NOT_SUPPORTED;
}
