// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the files of the module's test share. Each test_*.c is one concern; module_test.c calls them in order. */
#ifndef KMOD_TEST_H
#define KMOD_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../kmod/uapi/parker.h"
#include "../../kmod/uapi/parker_control.h"

#define MIB      (1024ull * 1024)
#define CHECK(name, ...) check(__LINE__, name, __VA_ARGS__)

/* call.c: 0 or a negative errno; `why` and `failed` of the last one */
extern int fd; /* /dev/parker */
extern int failures;
extern unsigned int why;
extern unsigned long long failed;

__attribute__((format(printf, 4, 5)))
bool check(int line, const char *name, bool good, const char *format, ...);
int call(unsigned long cmd, void *arg);
int partition(unsigned long cmd, const char *name, uint64_t *slice);
int set(unsigned long cmd, const char *name, unsigned int flags, unsigned int nr, const uint64_t *items);
int set1(unsigned long cmd, const char *name, unsigned int flags, uint64_t item);
int take_memory(const char *name, uint64_t bytes, uint64_t align, uint64_t below, uint32_t node, uint64_t *start);
int give_memory(const char *name, uint64_t start);
int start(const char *name, uint64_t entry, uint64_t boot_params, uint64_t page_table, uint32_t cpu);
int kill_partition(const char *name);
void *map(uint64_t start, uint64_t bytes);

/* machine.c */
void machine_setup(void);
char *slurp(const char *path);
int spit(const char *path, const char *text);
bool core_read(const char *path, uint64_t address, void *to, size_t bytes); /* of an ELF core, by physical address */
char *attribute(const char *name, const char *attr);
bool attribute_is(const char *name, const char *attr, const char *value); /* within 3 s */
long meminfo(const char *field);
int events_open(void);
bool event_seen(int s, const char *one, const char *two);
int peek(volatile uint8_t *at); /* -1: SIGBUS */
double seconds(void);
void monitor(const char *command); /* of the emulator */

/* application.c */
extern const char spin_start[], spin_end[], exit_start[], exit_end[], nmi_start[], nmi_end[];
#define OFFSET_TABLES 0x1000
#define OFFSET_PARAMS 0x6000
#define OFFSET_ENTRY  0x7000
void load(uint8_t *memory, uint64_t base, uint64_t control, uint32_t exit, const char *code, size_t bytes);
int start_loaded(const char *name, uint64_t base, uint32_t cpu);

/* running.c */
struct application {
	const char *name;
	uint32_t cpu;
	uint64_t base, slice;
	uint8_t *memory;
};
int application_begin(struct application *a, const char *name, uint32_t cpu);
int application_start(const struct application *a);
int application_end(const struct application *a);

/* pci.c */
bool pci_driver_is(const char *bdf, const char *name);
uint64_t pci_number(const char *bdf);
void pci_write(const char *bdf, const char *file, const char *text);
void prepare(const char *bdf);
void restore(const char *bdf);
bool pci_find(const char *class, int nth, char *bdf);
volatile void *map_registers(const char *bdf, const char *resource, size_t bytes);
bool pci_port(const char *bdf, char *port);
uint32_t config_read(const char *bdf, int at, int bytes);
void config_write(const char *bdf, int at, uint16_t value);
void config_write8(const char *bdf, int at, uint8_t value);
uint16_t raw_read(const char *bdf, int at); /* whether this kernel knows the function or not */
void raw_write(const char *bdf, int at, uint16_t value);

/* test_*.c */
void test_dispatch(uint64_t host);
void test_unprivileged(void);
void test_create(void);
void test_open(void);
void test_signal(void);
void test_cpus(void);
void test_eject(void);
void test_probing(void);
void test_memory(void);
void print_speed(void);
void test_busy(void);
void test_rounds(void);
void test_start(void);
void test_stuck(void);
void test_interrupted(void);
void test_two_callers(void);
void test_reset_between_runs(void);
void test_devices(bool iommu);
void test_hidden(void);
void test_dma(bool iommu);
void kdump_crash(const char *kernel, const char *initrd);
void kdump_look(void);

#endif
