/*
 * A milter on libmilter with every callback and every edit.
 *
 * What it does is told by the mail: the local part of the sender is STAGE.ACTION ("header.reject@sender.test"),
 * that of a recipient "rcpt.ACTION", the HELO name "helo.ACTION". At end of message the action may also be the
 * name of an edit. With -t every callback is written to the trace file, one line each, with the macros that it can
 * read.
 *
 *   -p SOCKET  where to listen          -t FILE  trace            -m NAME  add "X-Mark-NAME: seen" to every mail
 *   -n         no replies before end of message (SMFIP_NR_*)      -l       leading spaces of headers (HDR_LEADSPC)
 *   -s         SKIP and rejected recipients                       -g       macro lists of its own (setsymlist)
 *   -b NUMBER  backlog of the socket
 */
#include <libmilter/mfapi.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static bool no_reply, skips, leading_space, own_macros;
static const char *mark;
static FILE *trace;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const char *const MACROS[] = {"j", "_", "v", "{daemon_name}", "{client_addr}", "{client_name}", "i",
    "{auth_type}", "{mail_addr}", "{mail_host}", "{mail_mailer}", "{rcpt_addr}", "{rcpt_host}", "{rcpt_mailer}", NULL};

struct message {
    char word[256];
    unsigned headers, chunks;
    size_t size;
};

static void note(SMFICTX *ctx, const char *format, ...)
{
    va_list arguments;

    if (trace == NULL)
        return;
    pthread_mutex_lock(&lock);
    va_start(arguments, format);
    vfprintf(trace, format, arguments);
    va_end(arguments);
    for (const char *const *name = MACROS; ctx != NULL && *name != NULL; name++) {
        const char *value = smfi_getsymval(ctx, (char *)*name);
        if (value != NULL)
            fprintf(trace, " %s=%s", *name, value);
    }
    putc('\n', trace);
    fflush(trace);
    pthread_mutex_unlock(&lock);
}

/* The action named by WORD if it begins with STAGE and a dot, else NULL. */
static const char *action_at(const char *word, const char *stage)
{
    size_t length = strlen(stage);

    if (word == NULL)
        return NULL;
    if (*word == '<')
        word++;
    return strncmp(word, stage, length) == 0 && word[length] == '.' ? word + length + 1 : NULL;
}

static bool is(const char *action, const char *name)
{
    size_t length = strlen(name);

    return action != NULL && strncmp(action, name, length) == 0 && strchr("@.>", action[length]) != NULL;
}

static sfsistat act(SMFICTX *ctx, const char *action, sfsistat otherwise)
{
    if (is(action, "reject"))
        return SMFIS_REJECT;
    if (is(action, "tempfail"))
        return SMFIS_TEMPFAIL;
    if (is(action, "discard"))
        return SMFIS_DISCARD;
    if (is(action, "accept"))
        return SMFIS_ACCEPT;
    if (is(action, "skip"))
        return SMFIS_SKIP;
    if (is(action, "reply")) {
        smfi_setreply(ctx, "550", "5.7.9", "no, 100%% sure");
        return SMFIS_REJECT;
    }
    if (is(action, "lines")) {
        smfi_setmlreply(ctx, "451", "4.7.8", "first line, 50%% done", "", "third line", NULL);
        return SMFIS_TEMPFAIL;
    }
    if (is(action, "close")) {
        smfi_setreply(ctx, "421", "4.7.7", "closing now");
        return SMFIS_TEMPFAIL;
    }
    return otherwise;
}

static sfsistat nothing(void)
{
    return no_reply ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2, unsigned long f3,
    unsigned long *pf0, unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
    unsigned long wanted = 0;

    if (no_reply)
        wanted |= SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT | SMFIP_NR_DATA | SMFIP_NR_UNKN
            | SMFIP_NR_HDR | SMFIP_NR_EOH | SMFIP_NR_BODY;
    if (skips)
        wanted |= SMFIP_SKIP | SMFIP_RCPT_REJ;
    if (leading_space)
        wanted |= SMFIP_HDR_LEADSPC;
    note(NULL, "negotiate %#lx %#lx", f0, f1);
    if (own_macros) {
        smfi_setsymlist(ctx, SMFIM_CONNECT, "j {client_name} {client_addr}");
        smfi_setsymlist(ctx, SMFIM_ENVRCPT, "{rcpt_addr}");
        smfi_setsymlist(ctx, SMFIM_EOM, "i {mail_addr}");
    }
    *pf0 = f0;
    *pf1 = wanted & f1;
    *pf2 = *pf3 = 0;
    (void)f2;
    (void)f3;
    return SMFIS_CONTINUE;
}

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
    char text[INET6_ADDRSTRLEN] = "?";

    if (address != NULL && address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)address)->sin_addr, text, sizeof text);
    else if (address != NULL && address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)address)->sin6_addr, text, sizeof text);
    note(ctx, "connect %s %s", host, text);
    smfi_setpriv(ctx, calloc(1, sizeof(struct message)));
    return act(ctx, action_at(host, "connect"), nothing());
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
    note(ctx, "helo %s", name);
    return act(ctx, action_at(name, "helo"), nothing());
}

static void note_path(SMFICTX *ctx, const char *what, char **words)
{
    char line[1024] = "";

    for (; *words != NULL; words++) {
        strncat(line, " ", sizeof line - strlen(line) - 1);
        strncat(line, *words, sizeof line - strlen(line) - 1);
    }
    note(ctx, "%s%s", what, line);
}

static sfsistat on_mail(SMFICTX *ctx, char **words)
{
    struct message *message = smfi_getpriv(ctx);

    note_path(ctx, "mail", words);
    memset(message, 0, sizeof *message);
    snprintf(message->word, sizeof message->word, "%s", words[0]);
    return act(ctx, action_at(message->word, "mail"), nothing());
}

static sfsistat on_rcpt(SMFICTX *ctx, char **words)
{
    note_path(ctx, "rcpt", words);
    return act(ctx, action_at(words[0], "rcpt"), nothing());
}

static sfsistat at(SMFICTX *ctx, const char *stage)
{
    struct message *message = smfi_getpriv(ctx);

    return act(ctx, action_at(message->word, stage), nothing());
}

static sfsistat on_data(SMFICTX *ctx)
{
    note(ctx, "data");
    return at(ctx, "data");
}

static sfsistat on_unknown(SMFICTX *ctx, const char *line)
{
    note(ctx, "unknown %s", line);
    return act(ctx, action_at(line, "UNKNOWN"), nothing());
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
    struct message *message = smfi_getpriv(ctx);

    note(NULL, "header %s:%s", name, value);
    return ++message->headers == 2 ? at(ctx, "header") : nothing();
}

static sfsistat on_eoh(SMFICTX *ctx)
{
    note(ctx, "eoh");
    return at(ctx, "eoh");
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *data, size_t size)
{
    struct message *message = smfi_getpriv(ctx);

    message->size += size;
    note(NULL, "body %zu %02x..%02x", size, data[0], data[size - 1]);
    return ++message->chunks == 1 ? at(ctx, "body") : nothing();
}

static void edit_everything(SMFICTX *ctx)
{
    smfi_addheader(ctx, "X-Added", "one\n\ttwo");
    smfi_insheader(ctx, 0, "X-Top", "0");
    smfi_insheader(ctx, 1, "X-Second", " two spaces");
    smfi_insheader(ctx, 99, "X-End", "99");
    smfi_chgheader(ctx, "Subject", 1, "changed");
    smfi_chgheader(ctx, "X-K", 2, NULL);
    smfi_chgheader(ctx, "x-k", 1, "first");
    smfi_chgheader(ctx, "X-New", 1, "was not there");
    smfi_chgfrom(ctx, "<changed@sender.test>", "ENVID=abc");
    smfi_addrcpt(ctx, "<added@rcpt.test>");
    smfi_addrcpt_par(ctx, "<par@rcpt.test>", "NOTIFY=NEVER");
    smfi_delrcpt(ctx, "<r2@rcpt.test>");
}

static void replace_body(SMFICTX *ctx, size_t size)
{
    unsigned char *data = malloc(size);

    for (size_t n = 0; n < size; n++)
        data[n] = n % 64 == 62 ? '\r' : n % 64 == 63 ? '\n' : 'a' + n / 64 % 26;
    smfi_replacebody(ctx, data, (int)size);
    free(data);
}

static void show_progress(SMFICTX *ctx)
{
    for (int n = 0; n < 3; n++) {
        smfi_progress(ctx);
        usleep(50000);
    }
    smfi_addheader(ctx, "X-Progress", "3");
}

static sfsistat on_eom(SMFICTX *ctx)
{
    struct message *message = smfi_getpriv(ctx);
    const char *action = action_at(message->word, "eom");
    char text[64];

    note(ctx, "eom %u headers %zu bytes", message->headers, message->size);
    if (mark != NULL) {
        snprintf(text, sizeof text, "X-Mark-%s", mark);
        smfi_addheader(ctx, text, "seen");
    }
    if (is(action, "edits"))
        edit_everything(ctx);
    else if (is(action, "body"))
        replace_body(ctx, 64 * 3000);
    else if (is(action, "chunks")) {
        smfi_replacebody(ctx, (unsigned char *)"split\r", 6);
        smfi_replacebody(ctx, (unsigned char *)"\nover\r\nchunks\r\n", 15);
    } else if (is(action, "empty"))
        smfi_replacebody(ctx, (unsigned char *)"", 0);
    else if (is(action, "progress"))
        show_progress(ctx);
    else if (is(action, "quarantine"))
        smfi_quarantine(ctx, "looks odd");
    else if (is(action, "die"))
        _exit(1);
    return act(ctx, action, SMFIS_CONTINUE);
}

static sfsistat on_abort(SMFICTX *ctx)
{
    (void)ctx;
    note(NULL, "abort");
    return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *ctx)
{
    note(NULL, "close");
    free(smfi_getpriv(ctx));
    smfi_setpriv(ctx, NULL);
    return SMFIS_CONTINUE;
}

int main(int count, char **words)
{
    struct smfiDesc filter = {.xxfi_name = "everything", .xxfi_version = SMFI_VERSION,
        .xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGBODY | SMFIF_ADDRCPT | SMFIF_ADDRCPT_PAR | SMFIF_DELRCPT | SMFIF_CHGHDRS
            | SMFIF_QUARANTINE | SMFIF_CHGFROM | SMFIF_SETSYMLIST,
        .xxfi_connect = on_connect, .xxfi_helo = on_helo, .xxfi_envfrom = on_mail, .xxfi_envrcpt = on_rcpt,
        .xxfi_header = on_header, .xxfi_eoh = on_eoh, .xxfi_body = on_body, .xxfi_eom = on_eom, .xxfi_abort = on_abort,
        .xxfi_close = on_close, .xxfi_unknown = on_unknown, .xxfi_data = on_data, .xxfi_negotiate = on_negotiate};
    int letter;

    while ((letter = getopt(count, words, "p:t:m:b:nlsg")) != -1) {
        switch (letter) {
        case 'p':
            smfi_setconn(optarg);
            break;
        case 't':
            trace = fopen(optarg, "a");
            break;
        case 'm':
            mark = optarg;
            break;
        case 'b':
            smfi_setbacklog(atoi(optarg));
            break;
        case 'n':
            no_reply = true;
            break;
        case 'l':
            leading_space = true;
            break;
        case 's':
            skips = true;
            break;
        case 'g':
            own_macros = true;
            break;
        default:
            return 64;
        }
    }
    if (smfi_register(filter) != MI_SUCCESS)
        return 70;
    return smfi_main() == MI_SUCCESS ? 0 : 1;
}
