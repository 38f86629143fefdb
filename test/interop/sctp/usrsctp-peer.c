/*
 * An SCTP peer on usrsctp, for the interoperability tests.
 *   usrsctp-peer LOCAL_ADDRESS PORT LOCAL_UDP_PORT REMOTE_UDP_PORT [interleaving]      (UDP ports 0: raw IP)
 * Commands on standard input, events on standard output: see speaker.ts, which speaks the same.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <usrsctp.h>

/* Known to the library, but missing from its public header. */
#ifndef SCTP_INTERLEAVING_SUPPORTED
#define SCTP_INTERLEAVING_SUPPORTED 0x00001206
#endif

#define PPID 7
#define LARGEST_MESSAGE 65536
#define USUAL_HEARTBEAT 30000
/* RTO.Min and RTO.Max, milliseconds. At the usual 1 s and 60 s it is their doubling that a lossy transfer waits for. */
#define SHORTEST_WAIT 300
#define LONGEST_WAIT 1000
/* As in bulk.ts. */
#define BULK_STREAMS 8
#define MODULUS 251
static const size_t LENGTHS[] = {1, 17, 200, 1000, 1400, 3000, 64, 5, 512, 333};

static struct socket *sock;
static sctp_assoc_t association;
static unsigned char pattern[LARGEST_MESSAGE + MODULUS];

/* What came so far of a message that is delivered in parts, by stream. */
static struct { unsigned char bytes[LARGEST_MESSAGE]; size_t length; } partial[BULK_STREAMS];

/* The run being received; `left` is set last and read by the receiving thread only. */
static struct { volatile int left; size_t largest; int next[BULK_STREAMS]; } check;

static void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  flockfile(stdout);
  vprintf(format, arguments);
  putchar('\n');
  fflush(stdout);
  funlockfile(stdout);
  va_end(arguments);
}

static void notified(const union sctp_notification *notification) {
  if (notification->sn_header.sn_type != SCTP_ASSOC_CHANGE) return;
  const struct sctp_assoc_change *change = &notification->sn_assoc_change;
  switch (change->sac_state) {
    case SCTP_COMM_UP:
      association = change->sac_assoc_id;
      say("up");
      break;
    case SCTP_COMM_LOST:
    case SCTP_CANT_STR_ASSOC:
      say("lost");
      break;
    case SCTP_RESTART:
      association = change->sac_assoc_id;
      say("restarted");
      break;
    case SCTP_SHUTDOWN_COMP:
      say("closed");
      break;
  }
}

static size_t bulk_length(int number, size_t largest) {
  size_t usual = LENGTHS[number % (sizeof LENGTHS / sizeof *LENGTHS)];
  return number % 100 == 99 || usual > largest ? largest : usual;
}

static void message(int stream, unsigned ppid, const unsigned char *bytes, size_t length) {
  if (check.left == 0) {
    say("message %d %u %zu %s", stream, ppid, length, memcmp(bytes, pattern, length) == 0 ? "right" : "wrong");
    return;
  }
  int number = check.next[stream];
  check.next[stream] += BULK_STREAMS;
  if (length != bulk_length(number, check.largest) || memcmp(bytes, pattern + number % MODULUS, length) != 0)
    say("wrong message on stream %d", stream);
  if (--check.left == 0) say("received all");
}

static int received(struct socket *from_socket, union sctp_sockstore from, void *data, size_t length,
                    struct sctp_rcvinfo info, int flags, void *context) {
  (void)from_socket; (void)from; (void)context;
  if (data == NULL) return 1;
  if (flags & MSG_NOTIFICATION) notified(data);
  else if (info.rcv_sid >= BULK_STREAMS || partial[info.rcv_sid].length + length > LARGEST_MESSAGE)
    say("wrong message on stream %u", info.rcv_sid);
  else {
    size_t *so_far = &partial[info.rcv_sid].length;
    memcpy(partial[info.rcv_sid].bytes + *so_far, data, length);
    *so_far += length;
    if (flags & MSG_EOR) {
      message(info.rcv_sid, ntohl(info.rcv_ppid), partial[info.rcv_sid].bytes, *so_far);
      *so_far = 0;
    }
  }
  free(data);
  return 1;
}

/* An IPv4 or IPv6 address; returns its size. */
static socklen_t address_of(const char *text, int port, struct sockaddr_storage *address) {
  struct sockaddr_in *four = (struct sockaddr_in *)address;
  struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
  memset(address, 0, sizeof *address);
  if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    return sizeof *six;
  }
  inet_pton(AF_INET, text, &four->sin_addr);
  four->sin_family = AF_INET;
  four->sin_port = htons(port);
  return sizeof *four;
}

static void set(int option, const void *value, socklen_t size) {
  if (usrsctp_setsockopt(sock, IPPROTO_SCTP, option, value, size) < 0) { perror("setsockopt"); exit(1); }
}

static void send_with(const void *bytes, size_t length, int stream, int flags) {
  struct sctp_sndinfo info = {.snd_sid = stream, .snd_ppid = htonl(PPID), .snd_flags = flags,
                              .snd_assoc_id = association};
  /* A socket with a callback never blocks. */
  while (usrsctp_sendv(sock, bytes, length, NULL, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0) < 0) {
    if (errno != EWOULDBLOCK) { perror("sendv"); return; }
    usleep(1000);
  }
}

/* The notification of an end comes a moment before the association is gone: until then, another one is refused. */
static void connect_to(const char *text, int port) {
  struct sockaddr_storage remote;
  socklen_t size = address_of(text, port, &remote);
  for (int tries = 200; usrsctp_connect(sock, (struct sockaddr *)&remote, size) < 0; usleep(10000))
    if (--tries == 0) { perror("connect"); return; }
}

/* As the original client begins: the first message brings the association up and travels with COOKIE ECHO. */
static void send_first(const char *text, int port) {
  struct sockaddr_storage remote;
  struct sockaddr *to = (struct sockaddr *)&remote;
  address_of(text, port, &remote);
  struct sctp_sndinfo info = {0};
  for (int tries = 200; usrsctp_sendv(sock, "", 1, to, 1, &info, sizeof info, SCTP_SENDV_SNDINFO, 0) < 0; usleep(10000))
    if (--tries == 0) { perror("sendv"); return; }
}

static void expect(int count, size_t largest) {
  for (int stream = 0; stream < BULK_STREAMS; stream++) check.next[stream] = stream;
  check.largest = largest;
  check.left = count;
  say("expecting");
}

static void send_bulk(int count, size_t largest) {
  for (int number = 0; number < count; number++)
    send_with(pattern + number % MODULUS, bulk_length(number, largest), number % BULK_STREAMS, 0);
  say("sent all");
}

static void set_heartbeat(int millis) {
  struct sctp_paddrparams parameters = {.spp_assoc_id = SCTP_FUTURE_ASSOC, .spp_flags = SPP_HB_ENABLE,
                                        .spp_hbinterval = millis > 0 ? millis : USUAL_HEARTBEAT};
  set(SCTP_PEER_ADDR_PARAMS, &parameters, sizeof parameters);
  say("set");
}

static void obey(const char *line) {
  char address[64];
  int one, two;
  if (sscanf(line, "connect %63s %d", address, &one) == 2) connect_to(address, one);
  else if (sscanf(line, "first %63s %d", address, &one) == 2) send_first(address, one);
  else if (sscanf(line, "send %d %d", &one, &two) == 2) send_with(pattern, two, one, 0);
  else if (sscanf(line, "expect %d %d", &one, &two) == 2) expect(one, two);
  else if (sscanf(line, "bulk %d %d", &one, &two) == 2) send_bulk(one, two);
  else if (sscanf(line, "heartbeat %d", &one) == 1) set_heartbeat(one);
  else if (strncmp(line, "close", 5) == 0) { send_with(pattern, 0, 0, SCTP_EOF); say("closing"); }
  else if (strncmp(line, "abort", 5) == 0) { send_with(pattern, 0, 0, SCTP_ABORT); say("aborted"); }
  else if (strncmp(line, "quit", 4) == 0) _exit(0);
}

static void open_socket(const char *text, int port, int remote_udp, int interleaving) {
  struct sockaddr_storage local;
  socklen_t size = address_of(text, port, &local);
  sock = usrsctp_socket(local.ss_family, SOCK_SEQPACKET, IPPROTO_SCTP, received, NULL, 0, NULL);
  if (sock == NULL) { perror("socket"); exit(1); }
  struct sctp_event event = {.se_assoc_id = SCTP_FUTURE_ASSOC, .se_type = SCTP_ASSOC_CHANGE, .se_on = 1};
  set(SCTP_EVENT, &event, sizeof event);
  int on = 1;
  set(SCTP_RECVRCVINFO, &on, sizeof on);
  struct sctp_rtoinfo timeouts = {.srto_assoc_id = SCTP_FUTURE_ASSOC, .srto_initial = LONGEST_WAIT,
                                  .srto_max = LONGEST_WAIT, .srto_min = SHORTEST_WAIT};
  set(SCTP_RTOINFO, &timeouts, sizeof timeouts);
  if (remote_udp != 0) {
    struct sctp_udpencaps encapsulation = {.sue_address.ss_family = local.ss_family, .sue_port = htons(remote_udp)};
    set(SCTP_REMOTE_UDP_ENCAPS_PORT, &encapsulation, sizeof encapsulation);
  }
  if (interleaving) {
    /* RFC 8260 §4.3.1: parts of messages may be delivered interleaved before they may travel so. */
    int level = 2;
    set(SCTP_FRAGMENT_INTERLEAVE, &level, sizeof level);
    struct sctp_assoc_value value = {.assoc_id = SCTP_FUTURE_ASSOC, .assoc_value = 1};
    set(SCTP_INTERLEAVING_SUPPORTED, &value, sizeof value);
  }
  if (usrsctp_bind(sock, (struct sockaddr *)&local, size) < 0) { perror("bind"); exit(1); }
  if (usrsctp_listen(sock, 5) < 0) { perror("listen"); exit(1); }
}

int main(int count, char **argument) {
  if (count < 5) return 2;
  for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = i % MODULUS;
  usrsctp_init(atoi(argument[3]), NULL, NULL);
  usrsctp_sysctl_set_sctp_blackhole(2);
  usrsctp_sysctl_set_sctp_no_csum_on_loopback(0);
  open_socket(argument[1], atoi(argument[2]), atoi(argument[4]), count > 5);
  say("ready");
  char line[256];
  while (fgets(line, sizeof line, stdin)) obey(line);
  _exit(0);
}
