/*
 * Many SCTP clients over UDP (RFC 9260, RFC 6951) for the benchmarks, cheap enough to leave the processor to the server
 * under test. They associate, answer HEARTBEATs and send nothing else. Loopback only.
 *
 *   sctp-load UDP_PORT SCTP_PORT ADDRESSES       of the server, and how many of 127.0.1.1, 127.0.1.2, … to speak from
 *
 * All clients of an address share its UDP socket and differ by their SCTP port. A packet under v-tag 0 comes back as it
 * is, for the baseline. First line: ready UDP_PORT_AT_127.0.1.1. Commands on standard input:
 *   join COUNT WINDOW       COUNT more clients associate, at most WINDOW at once  -> up UP MILLIS (or after a time limit)
 *   vanish COUNT            the first COUNT clients fall silent                   -> vanished MONOTONIC_MILLIS
 *   flood RATE SECONDS      RATE INITs a second from random addresses             -> flooded SENT MILLIS
 *   counts                  -> counts UP HEARTBEATS ABORTED RETRIES
 * It ends with its standard input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CLIENTS = 65536, MAX_ADDRESSES = 250, BATCH = 64, PACKET_BYTES = 1500 };
/* Bounds, so that no command line can make this a nuisance. */
enum { MAX_FLOOD_RATE = 200000, MAX_FLOOD_SECONDS = 60 };
enum { FIRST_SCTP_PORT = 1024, RETRY_MILLIS = 500, JOIN_LIMIT_MILLIS = 60000, SOCKET_BUFFER_BYTES = 4 << 20 };
enum { INIT = 1, INIT_ACK = 2, HEARTBEAT = 4, HEARTBEAT_ACK = 5, ABORT = 6, COOKIE_ECHO = 10, COOKIE_ACK = 11 };
enum { COMMON_HEADER = 12, INIT_BYTES = 20, IPV4_ADDRESS = 5, STATE_COOKIE = 7 };

enum state { JOINING, UP, SILENT, GONE };

/* A client's own v-tag is its index + 1. */
static struct client {
  enum state state;
  uint32_t peer_tag;
  double asked_at;
} clients[MAX_CLIENTS];

static struct pollfd watched[MAX_ADDRESSES + 2];
static int addresses, flood_socket;
static struct sockaddr_in server;
static uint16_t server_port;
static int begun, wanted, up, window, heartbeats, aborted, retries;
static double join_began, retry_at;
static double flood_began, flood_rate, flood_seconds;
static long flood_sent;

static double now_millis(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* CRC32c, a byte at a time: the packets are short. */
static uint32_t crc_table[256];

static void make_crc_table(void) {
  for (uint32_t n = 0; n < 256; n++) {
    uint32_t crc = n;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
    crc_table[n] = crc;
  }
}

static void put16(uint8_t *at, uint16_t value) { value = htons(value); memcpy(at, &value, 2); }
static void put32(uint8_t *at, uint32_t value) { value = htonl(value); memcpy(at, &value, 4); }
static uint16_t get16(const uint8_t *at) { return at[0] << 8 | at[1]; }
static uint32_t get32(const uint8_t *at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }

/* The common header (§3.1) in front of chunks that are there already. */
static void seal(uint8_t *packet, size_t length, uint16_t source_port, uint32_t tag) {
  put16(packet, source_port);
  put16(packet + 2, server_port);
  put32(packet + 4, tag);
  memset(packet + 8, 0, 4);
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < length; i++) crc = crc_table[(crc ^ packet[i]) & 0xff] ^ (crc >> 8);
  crc = ~crc;
  for (int i = 0; i < 4; i++) packet[8 + i] = crc >> (8 * i);
}

/* INIT (§3.3.2) with an address list, without which npm sctp sends no heartbeats over UDP. */
static size_t put_init(uint8_t *chunk, uint32_t tag, uint32_t tsn) {
  put16(chunk, INIT << 8);
  put16(chunk + 2, INIT_BYTES + 8);
  put32(chunk + 4, tag);
  put32(chunk + 8, 65536);
  put16(chunk + 12, 16);
  put16(chunk + 14, 16);
  put32(chunk + 16, tsn);
  put16(chunk + 20, IPV4_ADDRESS);
  put16(chunk + 22, 8);
  put32(chunk + 24, INADDR_LOOPBACK);
  return INIT_BYTES + 8;
}

/* Packets to go out on one socket, by one system call. */
struct outbox {
  int count;
  struct mmsghdr messages[BATCH];
  struct iovec vectors[BATCH];
  uint8_t packets[BATCH][PACKET_BYTES];
};

static uint8_t *chunks_of_next(struct outbox *box) { return box->packets[box->count] + COMMON_HEADER; }

static void add(struct outbox *box, size_t chunk_bytes, uint16_t source_port, uint32_t tag) {
  int n = box->count++;
  seal(box->packets[n], COMMON_HEADER + chunk_bytes, source_port, tag);
  box->vectors[n] = (struct iovec){box->packets[n], COMMON_HEADER + chunk_bytes};
  struct msghdr *header = &box->messages[n].msg_hdr;
  header->msg_iov = &box->vectors[n];
  header->msg_iovlen = 1;
  header->msg_name = &server;
  header->msg_namelen = sizeof server;
}

/* What the kernel does not take is lost, as on any network. */
static int flush(struct outbox *box, int socket) {
  int sent = 0;
  while (sent < box->count) {
    int done = sendmmsg(socket, box->messages + sent, box->count - sent, 0);
    if (done <= 0) break;
    sent += done;
  }
  box->count = 0;
  return sent;
}

static int socket_of(int client) { return watched[1 + client % addresses].fd; }
static uint16_t port_of(int client) { return FIRST_SCTP_PORT + client / addresses; }

static void ask(int client, double now) {
  static struct outbox box;
  clients[client] = (struct client){JOINING, 0, now};
  add(&box, put_init(chunks_of_next(&box), client + 1, client + 1), port_of(client), 0);
  flush(&box, socket_of(client));
}

static void finish_join(double now) {
  printf("up %d %.1f\n", up, now - join_began);
  fflush(stdout);
  join_began = 0;
}

/* Keeps at most `window` clients on their way. */
static void join_more(double now) {
  if (join_began == 0) return;
  while (begun < wanted && begun - up - aborted < window) ask(begun++, now);
  if (now >= retry_at) {
    retry_at = now + RETRY_MILLIS / 2;
    for (int i = 0; i < begun; i++) {
      if (clients[i].state != JOINING || now - clients[i].asked_at < RETRY_MILLIS) continue;
      retries++;
      ask(i, now);
    }
  }
  if (up + aborted >= wanted || now - join_began > JOIN_LIMIT_MILLIS) finish_join(now);
}

/* INIT ACK (§3.3.3): echo its cookie. */
static size_t put_cookie_echo(uint8_t *out, const uint8_t *chunk, size_t length) {
  for (size_t at = INIT_BYTES; at + 4 <= length;) {
    size_t size = get16(chunk + at + 2);
    if (size < 4 || at + size > length) return 0;
    if (get16(chunk + at) == STATE_COOKIE) {
      put16(out, COOKIE_ECHO << 8);
      put16(out + 2, size);
      memset(out + size, 0, 3);
      memcpy(out + 4, chunk + at + 4, size - 4);
      return (size + 3) & ~3;
    }
    at += (size + 3) & ~3;
  }
  return 0;
}

static size_t take_chunk(int index, const uint8_t *chunk, size_t length, uint8_t *out) {
  struct client *client = &clients[index];
  switch (chunk[0]) {
    case INIT_ACK:
      if (client->state != JOINING || length < INIT_BYTES) return 0;
      client->peer_tag = get32(chunk + 4);
      return put_cookie_echo(out, chunk, length);
    case COOKIE_ACK:
      if (client->state == JOINING) {
        client->state = UP;
        up++;
      }
      return 0;
    case HEARTBEAT:
      heartbeats++;
      memcpy(out, chunk, length);
      out[0] = HEARTBEAT_ACK;
      memset(out + length, 0, 3);
      return (length + 3) & ~3;
    case ABORT:
      if (client->state == UP) up--;
      else if (client->state == JOINING) aborted++;
      client->state = GONE;
      return 0;
    default:
      return 0;
  }
}

static void take_packet(struct outbox *box, const uint8_t *packet, size_t length) {
  if (length < COMMON_HEADER + 4) return;
  if (get32(packet + 4) == 0) {
    size_t chunks = length - COMMON_HEADER;
    memcpy(chunks_of_next(box), packet + COMMON_HEADER, chunks);
    add(box, chunks, get16(packet + 2), 0);
    return;
  }
  uint32_t index = get32(packet + 4) - 1;
  if (index >= (uint32_t)begun || clients[index].state >= SILENT) return;
  size_t answer = 0;
  for (size_t at = COMMON_HEADER; at + 4 <= length;) {
    size_t size = get16(packet + at + 2);
    if (size < 4 || at + size > length) return;
    answer += take_chunk(index, packet + at, size, chunks_of_next(box) + answer);
    at += (size + 3) & ~3;
  }
  if (answer > 0) add(box, answer, port_of(index), clients[index].peer_tag);
}

static void receive(int socket) {
  static uint8_t packets[BATCH][PACKET_BYTES];
  static struct iovec vectors[BATCH];
  static struct mmsghdr messages[BATCH];
  static struct outbox box;
  for (int i = 0; i < BATCH; i++) {
    vectors[i] = (struct iovec){packets[i], PACKET_BYTES};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
  }
  for (;;) {
    int got = recvmmsg(socket, messages, BATCH, MSG_DONTWAIT, NULL);
    if (got <= 0) return;
    for (int i = 0; i < got; i++) take_packet(&box, packets[i], messages[i].msg_len);
    flush(&box, socket);
    if (got < BATCH) return;
  }
}

static uint32_t random32(void) {
  static uint32_t state = 2463534242u;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

/* INITs from 2^22 addresses of 127/8, which one socket may all name as its own. */
static void flood_more(double now) {
  static struct outbox box;
  static struct control { alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))]; } controls[BATCH];
  double elapsed = now - flood_began;
  int over = elapsed >= flood_seconds * 1e3;
  long due = flood_rate * (over ? flood_seconds : elapsed / 1e3);
  while (flood_sent < due) {
    while (box.count < BATCH && flood_sent + box.count < due) {
      int n = box.count;
      add(&box, put_init(chunks_of_next(&box), random32(), random32()), 1 + random32() % 65535, 0);
      struct msghdr *header = &box.messages[n].msg_hdr;
      header->msg_control = controls[n].bytes;
      header->msg_controllen = sizeof controls[n].bytes;
      struct cmsghdr *control = CMSG_FIRSTHDR(header);
      control->cmsg_level = IPPROTO_IP;
      control->cmsg_type = IP_PKTINFO;
      control->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
      struct in_pktinfo from = {.ipi_spec_dst.s_addr = htonl(0x7f400000 | (random32() >> 10))};
      memcpy(CMSG_DATA(control), &from, sizeof from);
    }
    int sent = flush(&box, flood_socket);
    if (sent == 0) break;
    flood_sent += sent;
  }
  if (!over) return;
  printf("flooded %ld %.1f\n", flood_sent, elapsed);
  fflush(stdout);
  flood_began = 0;
}

static void drain(int socket) {
  uint8_t answer[PACKET_BYTES];
  for (int i = 0; i < BATCH && recv(socket, answer, sizeof answer, MSG_DONTWAIT) >= 0; i++);
}

static int open_socket(uint32_t address) {
  int size = SOCKET_BUFFER_BYTES, made = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
  if (made < 0 || bind(made, (struct sockaddr *)&own, sizeof own) != 0) die("bind");
  setsockopt(made, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(made, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  return made;
}

static void vanish(int count) {
  for (int i = 0; i < count && i < begun; i++) {
    if (clients[i].state == UP) up--;
    clients[i].state = SILENT;
  }
  printf("vanished %.1f\n", now_millis());
}

static void obey(const char *line) {
  int count, width;
  double rate, seconds;
  if (sscanf(line, "join %d %d", &count, &width) == 2 && count > 0 && wanted + count <= MAX_CLIENTS) {
    wanted += count;
    window = width;
    join_began = now_millis();
    retry_at = join_began + RETRY_MILLIS;
  } else if (sscanf(line, "vanish %d", &count) == 1) vanish(count);
  else if (sscanf(line, "flood %lf %lf", &rate, &seconds) == 2) {
    flood_rate = rate < MAX_FLOOD_RATE ? rate : MAX_FLOOD_RATE;
    flood_seconds = seconds < MAX_FLOOD_SECONDS ? seconds : MAX_FLOOD_SECONDS;
    flood_sent = 0;
    flood_began = now_millis();
  } else if (strncmp(line, "counts", 6) == 0) printf("counts %d %d %d %d\n", up, heartbeats, aborted, retries);
  else printf("unknown %s", line);
  fflush(stdout);
}

/* Whole lines only: each command is written at once by the benchmark. */
static void read_commands(void) {
  char text[256];
  ssize_t length = read(STDIN_FILENO, text, sizeof text - 1);
  if (length <= 0) exit(0);
  text[length] = 0;
  for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) obey(line);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  make_crc_table();
  server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  server_port = atoi(argv[2]);
  addresses = atoi(argv[3]);
  if (addresses < 1 || addresses > MAX_ADDRESSES) return 2;
  watched[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
  for (int i = 0; i < addresses; i++) {
    watched[1 + i] = (struct pollfd){.fd = open_socket(0x7f000101 + i), .events = POLLIN};
  }
  flood_socket = open_socket(INADDR_ANY);
  struct sockaddr_in own;
  socklen_t own_bytes = sizeof own;
  if (getsockname(watched[1].fd, (struct sockaddr *)&own, &own_bytes) != 0) die("getsockname");
  printf("ready %d\n", ntohs(own.sin_port));
  fflush(stdout);
  for (;;) {
    /* Answers to a flood are thrown away when its next part is sent. */
    int pause = flood_began != 0 ? 1 : join_began != 0 ? 50 : 1000;
    if (poll(watched, addresses + 1, pause) < 0 && errno != EINTR) die("poll");
    for (int i = 0; i < addresses; i++) {
      if (watched[1 + i].revents & POLLIN) receive(watched[1 + i].fd);
    }
    if (watched[0].revents) read_commands();
    double now = now_millis();
    join_more(now);
    if (flood_began == 0) continue;
    flood_more(now);
    drain(flood_socket);
  }
}
