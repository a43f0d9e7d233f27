#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The host's end of the scenarios: does what a guest asks for, until QEMU ends.

    host.py SOCKETS RUN NBDKIT PID

SOCKETS holds QEMU's sockets "host" (the guest's questions, a line each), "qmp", and
"echo-*", on which all that comes is sent back;
RUN/disks the images; PID is QEMU. Every question gets one line: "ok ..." or
"error why".

    unplug <disk>          device_del, answered when the device is gone
    plug virtio|nvme <disk>  the same disk again
    away virtio|nvme <disk> <seconds>   both, for a guest that can do nothing meanwhile
    resize <disk> <MiB>
    snapshot <disk> <name>   a copy of what is on the disk now
    replay <log disk> <name> dm-log-writes' log on that copy, see replay.py
    nbd start|stall|go|kill  an NBD server on a file: the port is in the answer to start
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from replay import replay

DRIVERS = {"virtio": "virtio-blk-pci", "nvme": "nvme"}


class Qmp:
    """QEMU's machine protocol, one command at a time."""

    def __init__(self, path):
        self.socket = connect(path)
        self.file = self.socket.makefile("rw", encoding="utf-8")
        self.events = []
        self.read()                      # the greeting
        self.run("qmp_capabilities")

    def read(self):
        line = self.file.readline()
        if not line:
            raise EOFError("QEMU has gone")
        return json.loads(line)

    def run(self, command, **arguments):
        """Events that come before the answer are kept."""
        json.dump({"execute": command, "arguments": arguments}, self.file)
        self.file.write("\n")
        self.file.flush()
        while True:
            message = self.read()
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise ValueError(message["error"]["desc"])
            else:
                return message["return"]

    def wait(self, event, device):
        """Until it comes: the guest has its own limits."""
        while True:
            for message in self.events:
                if message["event"] == event and message["data"].get("device") == device:
                    self.events.remove(message)
                    return
            self.events.append(self.read())


class Nbd:
    """nbdkit on a file that outlives it."""

    def __init__(self, run, program):
        self.program, self.server, self.port = program, None, 0
        self.image = os.path.join(run, "disks", "nbd.img")
        self.log = os.path.join(run, "nbdkit.log")
        root = os.path.join(os.path.dirname(program), "root")
        self.plugin = next((os.path.join(top, name) for top, _, names in os.walk(root)
                            for name in names if name == "nbdkit-file-plugin.so"), "file")

    def start(self):
        if self.server:
            raise ValueError("it is running")
        if not os.path.exists(self.image):
            with open(self.image, "wb") as file:
                file.truncate(64 << 20)
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        with open(self.log, "ab") as log:
            self.server = subprocess.Popen(
                [self.program, "-f", "-i", "127.0.0.1", "-p", str(self.port),
                 self.plugin, f"file={self.image}"], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)
        for _ in range(100):
            if self.server.poll() is not None:
                self.server = None
                raise ValueError(f"nbdkit ended, see {self.log}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return str(self.port)
            except OSError:
                time.sleep(0.1)
        raise ValueError("nbdkit does not listen")

    def stall(self):
        self.server.send_signal(signal.SIGSTOP)

    def go(self):
        self.server.send_signal(signal.SIGCONT)

    def kill(self):
        if self.server:
            self.server.kill()
            self.server.wait()
            self.server = None


class Host:
    def __init__(self, run, qmp, nbd):
        self.run, self.qmp, self.nbd_server = run, qmp, nbd

    def answer(self, line):
        words = line.split()
        try:
            work = getattr(self, f"do_{words[0]}")
            return f"ok {work(*words[1:]) or ''}".strip()
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError,
                subprocess.SubprocessError) as error:
            return f"error {error}".replace("\n", " ")

    def do_unplug(self, disk):
        self.qmp.run("device_del", id=f"dev-{disk}")
        self.qmp.wait("DEVICE_DELETED", f"dev-{disk}")

    def do_plug(self, kind, disk):
        self.qmp.run("device_add", driver=DRIVERS[kind], id=f"dev-{disk}", drive=disk,
                     serial=disk, bus=f"port-{disk}")

    def do_away(self, kind, disk, seconds):
        self.do_unplug(disk)
        time.sleep(int(seconds))
        self.do_plug(kind, disk)

    def do_resize(self, disk, size):
        self.qmp.run("block_resize", **{"node-name": disk, "size": int(size) << 20})

    def disk(self, name):
        return os.path.join(self.run, "disks", f"{name}.img")

    def do_snapshot(self, disk, name):
        subprocess.run(["cp", "--sparse=always", self.disk(disk), self.disk(name)], check=True)

    def do_replay(self, log, name):
        return replay(self.disk(log), self.disk(name), os.path.join(self.run, "disks"))

    def do_nbd(self, what):
        return {"start": self.nbd_server.start, "stall": self.nbd_server.stall,
                "go": self.nbd_server.go, "kill": self.nbd_server.kill}[what]()


def connect(path):
    for _ in range(600):
        try:
            end = socket.socket(socket.AF_UNIX)
            end.connect(path)
            return end
        except OSError:
            end.close()
            time.sleep(0.1)
    raise OSError(f"{path}: nobody listens")


def echo(path):
    """Until QEMU ends."""
    try:
        with connect(path) as line:
            while data := line.recv(65536):
                line.sendall(data)
    except OSError as error:
        print(f"{path}: {error}")


def start_echoes(sockets):
    """When QEMU answers, it has made all of its sockets."""
    for name in os.listdir(sockets):
        if name.startswith("echo-"):
            threading.Thread(target=echo, args=(os.path.join(sockets, name),),
                             daemon=True).start()


def main(sockets, run, nbdkit, pid):
    nbd = Nbd(run, nbdkit)
    try:
        line = connect(os.path.join(sockets, "host"))
        host = Host(run, Qmp(os.path.join(sockets, "qmp")), nbd)
        start_echoes(sockets)
        with line.makefile("rw", encoding="ascii", errors="replace") as file:
            for question in file:
                answer = host.answer(question)
                print(f"{time.strftime('%T')} {question.strip()}: {answer}", flush=True)
                file.write(f"{answer}\n")
                file.flush()
    except (EOFError, OSError) as error:
        print(f"the end: {error}")
    finally:
        nbd.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
