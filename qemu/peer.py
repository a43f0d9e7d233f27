#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Run a guest with an echoing peer at the far end of its console.

peer.py SOCKET SECONDS RESULT COMMAND...

Listens on the UNIX socket SOCKET and starts COMMAND (QEMU, which connects to it).
What the kernel prints while it boots is heard in silence, as an answer would be
input to whoever has the console open; from the line MARK on every byte is sent
back. Writes to the file RESULT whether a kernel was heard, how many bytes there
were after the mark, and the SHA-256 of each conversation, which has 16 KiB. Exits
with the status of COMMAND, or with 124 if it had to be ended after SECONDS.
"""

import hashlib
import socket
import subprocess
import sys
import threading

CONVERSATION = 16384
KERNEL = b"as init process"
MARK = b"peer: begin\n"


def echo(line, boot, heard):
    """Hear the boot, then echo, until QEMU goes."""
    while data := line.recv(65536):
        if MARK not in boot:
            boot += data
            data = boot.partition(MARK)[2]
        heard += data
        line.sendall(data)


def serve(listener, result):
    """Serve the one connection that QEMU makes, until QEMU closes it."""
    boot, heard = bytearray(), bytearray()
    try:
        line, _ = listener.accept()
        with line:
            echo(line, boot, heard)
    except ConnectionError:
        pass    # the kernel's last words come back to a QEMU that has gone
    except OSError as error:
        print(f"echo peer: {error}", file=sys.stderr)
    with open(result, "w", encoding="ascii") as out:
        digests = (hashlib.sha256(heard[i:i + CONVERSATION]).hexdigest()
                   for i in range(0, len(heard), CONVERSATION))
        out.write(f"console={int(KERNEL in boot)} bytes={len(heard)} "
                  f"sha256={','.join(digests)}\n")


def run(path, seconds, result, command):
    """Start the peer, then the guest, and end both together."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        peer = threading.Thread(target=serve, args=(listener, result))
        peer.start()
        with subprocess.Popen(command) as guest:
            try:
                status = guest.wait(seconds)
            except subprocess.TimeoutExpired:
                guest.kill()
                status = 124
        # A guest that never connected leaves accept() waiting.
        try:
            listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        peer.join()
    return status


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], float(sys.argv[2]), sys.argv[3], sys.argv[4:]))
