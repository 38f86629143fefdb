"""An SCTP peer on the Linux kernel's SCTP, for the interoperability tests.

  kernel_peer.py LOCAL_ADDRESS PORT

Commands on standard input, events on standard output: see speaker.ts, which speaks the same.
"""
import socket
import struct
import sys
import threading

SCTP = 132
SCTP_EVENTS = 11
SCTP_SNDRCV = 1
MSG_NOTIFICATION = 0x8000
SCTP_ASSOC_CHANGE = 0x8001
EOF, ABORT = 0x200, 0x4
STATES = {0: 'up', 1: 'lost', 2: 'restarted', 3: 'closed', 4: 'lost'}
# struct sctp_sndrcvinfo (RFC 6458 section 5.3.2).
INFO = struct.Struct('=HHHxxIIIIIi')
PATTERN = bytes(i % 251 for i in range(65536))
peer = []


def say(*words):
    print(*words, flush=True)


def receive(sock):
    whole = b''
    while True:
        data, ancillary, flags, sender = sock.recvmsg(131072, 1024)
        if flags & MSG_NOTIFICATION:
            kind, = struct.unpack_from('=H', data)
            if kind == SCTP_ASSOC_CHANGE:
                state, = struct.unpack_from('=H', data, 8)
                if state == 0:
                    peer[:] = [sender]
                say(STATES.get(state, f'state {state}'))
            continue
        whole += data
        if not flags & socket.MSG_EOR:
            continue
        stream = ppid = -1
        for level, kind, value in ancillary:
            if (level, kind) == (SCTP, SCTP_SNDRCV):
                stream, _, _, ppid = INFO.unpack(value)[:4]
        say('message', stream, socket.ntohl(ppid), len(whole), 'right' if whole == PATTERN[:len(whole)] else 'wrong')
        whole = b''


def send(sock, data, stream, flags=0):
    info = INFO.pack(stream, 0, flags, socket.htonl(7), 0, 0, 0, 0, 0)
    sock.sendmsg([data], [(SCTP, SCTP_SNDRCV, info)], 0, peer[0])


sock = socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET, SCTP)
sock.setsockopt(SCTP, SCTP_EVENTS, bytes([1, 1, 0, 0, 0, 1, 0, 0]))
sock.bind((sys.argv[1], int(sys.argv[2])))
sock.listen(5)
threading.Thread(target=receive, args=(sock,), daemon=True).start()
say('ready')
for line in sys.stdin:
    words = line.split()
    try:
        if words[:1] == ['connect']:
            peer[:] = [(words[1], int(words[2]))]
            sock.connect(peer[0])
        elif words[:1] == ['first']:
            # As the original client: the first message brings the association up and travels with COOKIE ECHO.
            peer[:] = [(words[1], int(words[2]))]
            sock.sendto(b'\x00', peer[0])
        elif words[:1] == ['send']:
            send(sock, PATTERN[:int(words[2])], int(words[1]))
        elif words[:1] == ['close']:
            send(sock, b'', 0, EOF)
        elif words[:1] == ['abort']:
            send(sock, b'', 0, ABORT)
        elif words[:1] == ['quit']:
            break
    except OSError as error:
        say('error', error)
