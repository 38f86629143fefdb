"""An SCTP peer on the Linux kernel's SCTP, for the interoperability tests.

  kernel_peer.py LOCAL_ADDRESS PORT [ENCAPSULATION_PORT]      (without: raw IP)

Commands on standard input, events on standard output: see speaker.ts, which speaks the same; `ready` tells the
kernel's version. One command more, `restart [interleaving]`, kills the process that has the socket and starts it anew.
"""
import os
import signal
import socket
import struct
import sys
import threading

SCTP = 132
SCTP_RTOINFO, SCTP_PEER_ADDR_PARAMS, SCTP_EVENTS, SCTP_FRAGMENT_INTERLEAVE = 0, 9, 11, 18
SCTP_INTERLEAVING_SUPPORTED = 125
SCTP_SNDRCV = 1
MSG_NOTIFICATION = 0x8000
SCTP_ASSOC_CHANGE = 0x8001
EOF, ABORT = 0x200, 0x4
STATES = {0: 'up', 1: 'lost', 2: 'restarted', 3: 'closed', 4: 'lost'}
# struct sctp_sndrcvinfo (RFC 6458 section 5.3.2).
INFO = struct.Struct('=HHHxxIIIIIi')
# struct sctp_paddrparams: association, address, interval, retransmissions, MTU, SACK delay, flags, flow label, DSCP.
PATH_PARAMETERS = struct.Struct('=i128sIHIIIIBx')
HEARTBEAT_ENABLE = 1
USUAL_HEARTBEAT = 30000
# RTO.Min and RTO.Max, milliseconds. At the usual 1 s and 60 s it is their doubling that a lossy transfer waits for.
SHORTEST_WAIT, LONGEST_WAIT = 300, 1000
# Larger packets are made for the device to segment (GSO); inside UDP they do not get through user-mode-linux's device,
# which counts them as dropped.
LARGEST_PACKET = 1492

PPID = 7
# As in bulk.ts.
STREAMS = 8
LENGTHS = [1, 17, 200, 1000, 1400, 3000, 64, 5, 512, 333]
MODULUS = 251
PATTERN = bytes(i % MODULUS for i in range(65536 + MODULUS))


def say(*words):
    os.write(1, (' '.join(map(str, words)) + '\n').encode())


def bulk_message(number, largest):
    length = largest if number % 100 == 99 else min(LENGTHS[number % len(LENGTHS)], largest)
    start = number % MODULUS
    return PATTERN[start:start + length]


class Peer:
    def __init__(self, address, port, interleaving):
        self.remote = None
        # What came so far of a message that is delivered in parts, by stream.
        self.partial = {}
        # The run being received: how many are left, and which comes next on each stream.
        self.left, self.largest, self.next = 0, 0, []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET, SCTP)
        self.sock.setsockopt(SCTP, SCTP_EVENTS, bytes([1, 1, 0, 0, 0, 1, 0, 0]))
        # With a lingering of 0, an ABORT is all that the kernel still does for a process that ended.
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('=ii', 1, 0))
        self.sock.setsockopt(SCTP, SCTP_RTOINFO, struct.pack(
            '=iIII', 0, LONGEST_WAIT, LONGEST_WAIT, SHORTEST_WAIT))
        if interleaving:
            self.sock.setsockopt(SCTP, SCTP_FRAGMENT_INTERLEAVE, 2)
            self.sock.setsockopt(SCTP, SCTP_INTERLEAVING_SUPPORTED, struct.pack('=iI', 0, 1))
        self.sock.bind((address, port))
        self.sock.listen(5)
        threading.Thread(target=self.receive, daemon=True).start()

    def receive(self):
        while True:
            data, ancillary, flags, sender = self.sock.recvmsg(131072, 1024)
            if flags & MSG_NOTIFICATION:
                self.notified(data, sender)
                continue
            stream = ppid = -1
            for level, kind, value in ancillary:
                if (level, kind) == (SCTP, SCTP_SNDRCV):
                    stream, _, _, ppid = INFO.unpack(value)[:4]
            whole = self.partial.pop(stream, b'') + data
            if flags & socket.MSG_EOR:
                self.message(stream, socket.ntohl(ppid), whole)
            else:
                self.partial[stream] = whole

    def notified(self, data, sender):
        kind, = struct.unpack_from('=H', data)
        if kind != SCTP_ASSOC_CHANGE:
            return
        state, = struct.unpack_from('=H', data, 8)
        if state in (0, 2):
            self.remote = sender
        say(STATES.get(state, f'state {state}'))

    def message(self, stream, ppid, data):
        if self.left == 0:
            say('message', stream, ppid, len(data), 'right' if data == PATTERN[:len(data)] else 'wrong')
            return
        number = self.next[stream]
        self.next[stream] += STREAMS
        if data != bulk_message(number, self.largest):
            say('wrong message on stream', stream)
        self.left -= 1
        if self.left == 0:
            say('received all')

    def send_with(self, data, stream, flags=0):
        info = INFO.pack(stream, 0, flags, socket.htonl(PPID), 0, 0, 0, 0, 0)
        self.sock.sendmsg([data], [(SCTP, SCTP_SNDRCV, info)], 0, self.remote)

    def connect(self, address, port):
        self.remote = (address, int(port))
        self.sock.connect(self.remote)

    def first(self, address, port):
        # As the original client: the first message brings the association up and travels with COOKIE ECHO.
        self.remote = (address, int(port))
        self.sock.sendto(b'\x00', self.remote)

    def send(self, stream, length):
        self.send_with(PATTERN[:int(length)], int(stream))

    def expect(self, count, largest):
        self.largest, self.next = int(largest), list(range(STREAMS))
        self.left = int(count)
        say('expecting')

    def bulk(self, count, largest):
        for number in range(int(count)):
            self.send_with(bulk_message(number, int(largest)), number % STREAMS)
        say('sent all')

    def heartbeat(self, millis):
        """For associations to come."""
        interval = int(millis) or USUAL_HEARTBEAT
        self.sock.setsockopt(SCTP, SCTP_PEER_ADDR_PARAMS, PATH_PARAMETERS.pack(
            0, struct.pack('=H126x', socket.AF_INET), interval, 0, 0, 0, HEARTBEAT_ENABLE, 0, 0))
        say('set')

    def close(self):
        self.send_with(b'', 0, EOF)
        say('closing')

    def abort(self):
        self.send_with(b'', 0, ABORT)
        say('aborted')


COMMANDS = ('connect', 'first', 'send', 'expect', 'bulk', 'heartbeat', 'close', 'abort')


def obey(peer, commands):
    for line in commands:
        words = line.split()
        try:
            if words and words[0] in COMMANDS:
                getattr(peer, words[0])(*words[1:])
        except OSError as error:
            say('error', error)


def start(interleaving):
    """A process of its own, so that it can be killed; returns its number and where it takes commands."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        peer = Peer(sys.argv[1], int(sys.argv[2]), interleaving)
        say('ready', os.uname().release)
        obey(peer, os.fdopen(reading))
        os._exit(0)
    os.close(reading)
    return child, os.fdopen(writing, 'w', buffering=1)


def sysctl(name, value):
    with open(f'/proc/sys/net/sctp/{name}', 'w') as file:
        file.write(str(value))


if len(sys.argv) > 3:
    # RFC 6951: the port that new sockets send to, and the one that the kernel listens on.
    sysctl('encap_port', sys.argv[3])
    sysctl('udp_port', sys.argv[3])
    os.system(f'ip link set vec0 gso_max_size {LARGEST_PACKET}')
sysctl('intl_enable', 1)
child, commands = start(False)
for line in sys.stdin:
    words = line.split()
    if words[:1] == ['quit']:
        break
    if words[:1] == ['restart']:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        child, commands = start('interleaving' in words)
    else:
        commands.write(line)
