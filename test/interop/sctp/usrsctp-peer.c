/*
 * An SCTP peer on usrsctp, for the interoperability tests.
 *   usrsctp-peer LOCAL_ADDRESS PORT LOCAL_UDP_PORT REMOTE_UDP_PORT      (UDP ports 0: raw IP)
 * Commands on standard input, events on standard output: see speaker.ts, which speaks the same.
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <usrsctp.h>

static sctp_assoc_t association;

static void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout);
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
      say("restarted");
      break;
    case SCTP_SHUTDOWN_COMP:
      say("closed");
      break;
  }
}

static int received(struct socket *socket, union sctp_sockstore from, void *data, size_t length,
                    struct sctp_rcvinfo info, int flags, void *context) {
  (void)socket; (void)from; (void)context;
  if (data == NULL) return 1;
  if (flags & MSG_NOTIFICATION) notified(data);
  else {
    const unsigned char *bytes = data;
    int right = 1;
    for (size_t i = 0; i < length; i++) right &= bytes[i] == i % 251;
    say("message %u %u %zu %s", info.rcv_sid, ntohl(info.rcv_ppid), length, right ? "right" : "wrong");
  }
  free(data);
  return 1;
}

static void send_with(struct socket *socket, const void *bytes, size_t length, int stream, int flags) {
  struct sctp_sndinfo info = {0};
  info.snd_sid = stream;
  info.snd_ppid = htonl(7);
  info.snd_flags = flags;
  info.snd_assoc_id = association;
  if (usrsctp_sendv(socket, bytes, length, NULL, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0) < 0) perror("sendv");
}

static struct sockaddr_in address_of(const char *text, int port) {
  struct sockaddr_in address = {0};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, text, &address.sin_addr);
  return address;
}

int main(int count, char **argument) {
  if (count != 5) return 2;
  int remote_udp = atoi(argument[4]);
  usrsctp_init(atoi(argument[3]), NULL, NULL);
  usrsctp_sysctl_set_sctp_blackhole(2);
  usrsctp_sysctl_set_sctp_no_csum_on_loopback(0);
  struct socket *socket = usrsctp_socket(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP, received, NULL, 0, NULL);
  if (socket == NULL) { perror("socket"); return 1; }
  struct sctp_event event = {.se_assoc_id = SCTP_FUTURE_ASSOC, .se_type = SCTP_ASSOC_CHANGE, .se_on = 1};
  usrsctp_setsockopt(socket, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof event);
  int on = 1;
  usrsctp_setsockopt(socket, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on);
  if (remote_udp != 0) {
    struct sctp_udpencaps encapsulation = {0};
    encapsulation.sue_address.ss_family = AF_INET;
    encapsulation.sue_port = htons(remote_udp);
    usrsctp_setsockopt(socket, IPPROTO_SCTP, SCTP_REMOTE_UDP_ENCAPS_PORT, &encapsulation, sizeof encapsulation);
  }
  struct sockaddr_in local = address_of(argument[1], atoi(argument[2]));
  if (usrsctp_bind(socket, (struct sockaddr *)&local, sizeof local) < 0) { perror("bind"); return 1; }
  if (usrsctp_listen(socket, 5) < 0) { perror("listen"); return 1; }
  say("ready");

  char line[256], word[64];
  static unsigned char pattern[65536];
  for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = i % 251;
  while (fgets(line, sizeof line, stdin)) {
    int stream, length, port;
    if (sscanf(line, "connect %63s %d", word, &port) == 2) {
      struct sockaddr_in remote = address_of(word, port);
      /* The notification of the end comes a moment before the association is gone. */
      int tries = 200;
      while (usrsctp_connect(socket, (struct sockaddr *)&remote, sizeof remote) < 0 && --tries > 0) usleep(10000);
      if (tries == 0) perror("connect");
    } else if (sscanf(line, "send %d %d", &stream, &length) == 2) send_with(socket, pattern, length, stream, 0);
    else if (strncmp(line, "close", 5) == 0) send_with(socket, pattern, 0, 0, SCTP_EOF);
    else if (strncmp(line, "abort", 5) == 0) send_with(socket, pattern, 0, 0, SCTP_ABORT);
    else if (strncmp(line, "quit", 4) == 0) break;
  }
  _exit(0);
}
