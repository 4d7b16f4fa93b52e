/*
 * A libmilter program for the benchmarks: every callback, always SMFIS_CONTINUE.
 *
 *     child SOCKET ACTIONS DELAY      listen on the unix socket; negotiate the SMFIF_ bits ACTIONS (any base
 *                                     strtoul knows); wait DELAY milliseconds at each end of message
 *     child --version                 print the version of libmilter
 *
 * No negotiate callback: libmilter asks for every event and answers each, as most milters have it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

static useconds_t delay;

static sfsistat on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
    (void)ctx; (void)name; (void)address;
    return SMFIS_CONTINUE;
}

static sfsistat on_text(SMFICTX *ctx, char *text)
{
    (void)ctx; (void)text;
    return SMFIS_CONTINUE;
}

static sfsistat on_unknown(SMFICTX *ctx, const char *text)
{
    (void)ctx; (void)text;
    return SMFIS_CONTINUE;
}

static sfsistat on_address(SMFICTX *ctx, char **words)
{
    (void)ctx; (void)words;
    return SMFIS_CONTINUE;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
    (void)ctx; (void)name; (void)value;
    return SMFIS_CONTINUE;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *data, size_t size)
{
    (void)ctx; (void)data; (void)size;
    return SMFIS_CONTINUE;
}

static sfsistat on_event(SMFICTX *ctx)
{
    (void)ctx;
    return SMFIS_CONTINUE;
}

static sfsistat on_end_of_message(SMFICTX *ctx)
{
    (void)ctx;
    if (delay)
        usleep(delay);
    return SMFIS_CONTINUE;
}

static int print_version(void)
{
    unsigned int major, minor, patch;

    smfi_version(&major, &minor, &patch);
    printf("%u.%u.%u\n", major, minor, patch);
    return 0;
}

int main(int argc, char **argv)
{
    struct smfiDesc description;
    struct rlimit files;
    char endpoint[256];

    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return print_version();
    if (argc != 4) {
        fprintf(stderr, "usage: %s SOCKET ACTIONS DELAY | --version\n", argv[0]);
        return 64;
    }
    delay = (useconds_t)(strtoul(argv[3], NULL, 10) * 1000);
    memset(&description, 0, sizeof description);
    description.xxfi_name = "child";
    description.xxfi_version = SMFI_VERSION;
    description.xxfi_flags = strtoul(argv[2], NULL, 0);
    description.xxfi_connect = on_connect;
    description.xxfi_helo = on_text;
    description.xxfi_envfrom = on_address;
    description.xxfi_envrcpt = on_address;
    description.xxfi_header = on_header;
    description.xxfi_eoh = on_event;
    description.xxfi_body = on_body;
    description.xxfi_eom = on_end_of_message;
    description.xxfi_abort = on_event;
    description.xxfi_close = on_event;
    description.xxfi_unknown = on_unknown;
    description.xxfi_data = on_event;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    umask(0); /* smtpd(8) runs as another user */
    snprintf(endpoint, sizeof endpoint, "unix:%s", argv[1]);
    if (smfi_setconn(endpoint) == MI_FAILURE || smfi_setbacklog(1024) == MI_FAILURE)
        return 1;
    if (smfi_register(description) == MI_FAILURE)
        return 1;
    return smfi_main() == MI_FAILURE;
}
