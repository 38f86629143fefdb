"""
Everything that crosses this host's eth0, a line of JSON each, in the order in which it crossed.
A line on standard input is a mark: it is sent as a broadcast of this host's own and printed as {"mark": …} when it has
crossed, too, so that whoever reads it has read all that crossed before.
"""
import json
import socket
import struct
import sys
import threading

ETH_P_ALL = 3
IPV4, IPV6 = 0x0800, 0x86DD
TCP, UDP = 6, 17
MARK_PORT = 9
MARK = b"multiproto attack tier mark "

def ipv4(frame):
    header = (frame[14] & 15) * 4
    length, = struct.unpack_from("!H", frame, 16)
    # Segments larger than the wire carries have no length of their own.
    end = 14 + length if length > 0 else len(frame)
    addresses = [socket.inet_ntop(socket.AF_INET, frame[at:at + 4]) for at in (26, 30)]
    return addresses, frame[23], frame[14 + header:end], end - 14

def ipv6(frame):
    length, = struct.unpack_from("!H", frame, 18)
    end = 54 + length if length > 0 else len(frame)
    addresses = [socket.inet_ntop(socket.AF_INET6, frame[at:at + 16]) for at in (22, 38)]
    return addresses, frame[20], frame[54:end], end - 14

def described(frame):
    kind, = struct.unpack_from("!H", frame, 12)
    if kind not in (IPV4, IPV6):
        return None
    (source, target), protocol, rest, length = (ipv4 if kind == IPV4 else ipv6)(frame)
    packet = {"from": source, "to": target, "protocol": protocol, "length": length, "ports": None, "flags": 0}
    data = rest
    if protocol == UDP and len(rest) >= 8:
        packet["ports"], data = struct.unpack_from("!HH", rest), rest[8:]
    elif protocol == TCP and len(rest) >= 20:
        packet["ports"], packet["flags"] = struct.unpack_from("!HH", rest), rest[13]
        data = rest[(rest[12] >> 4) * 4:]
    packet["data"] = data.hex()
    return packet

def send_marks():
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    for line in sys.stdin:
        sender.sendto(MARK + line.strip().encode(), ("255.255.255.255", MARK_PORT))

def main():
    receiver = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    # A burst must not be lost: SO_RCVBUFFORCE goes beyond what users may.
    receiver.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
    receiver.bind(("eth0", 0))
    threading.Thread(target=send_marks, daemon=True).start()
    print(json.dumps({"mark": "ready"}), flush=True)
    while True:
        frame, (_, _, direction, _, _) = receiver.recvfrom(1 << 17)
        packet = described(frame)
        if packet is None:
            continue
        data = bytes.fromhex(packet["data"])
        if data.startswith(MARK):
            if direction == socket.PACKET_OUTGOING:
                print(json.dumps({"mark": data[len(MARK):].decode()}), flush=True)
        else:
            print(json.dumps(packet), flush=True)

main()
