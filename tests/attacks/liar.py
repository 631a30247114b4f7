"""A board whose operator lies. It has the host key of the lab's serve(), which all members know, and says and passes on what the operator wants."""

import os
import re
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of ciphers that nobody uses here
    import asyncssh


class Seat:
    """A connection to a topic."""

    def __init__(self, board, user, topic, process):
        self.board, self.user, self.topic, self.process, self.said = board, user, topic, process, []

    async def write(self, data):
        """`data`: text or bytes, whole lines or not."""
        try:
            self.process.stdout.write(data.encode() if isinstance(data, str) else data)
            await self.process.stdout.drain()
        except (BrokenPipeError, ConnectionError, asyncssh.Error):
            pass  # it has left


class Login(asyncssh.SSHServer):
    """Keys are those of the lab's users."""

    def __init__(self, board):
        self.board = board

    def connection_made(self, conn):
        self.connection = conn

    def begin_auth(self, username):
        return True

    def public_key_auth_supported(self):
        return True

    def validate_public_key(self, username, key):
        user = self.board.users.get(key.public_data)
        self.connection.set_extra_info(user=user)
        return user is not None


class LyingBoard:
    """Honest until one of these is replaced:

    name(user)                          what `user` prints for this user of the lab
    answer(user, verb, words, honest)   what any command but `pipe` prints, text or bytes; None: nothing, for ever
    pass_on(sender, receiver, line)     the lines (bytes) that a seat gets in place of one that another, or itself, has written
    """

    @classmethod
    async def start(cls, lab):
        board = cls()
        board.lab, board.seats, board.attested, board.heard = lab, [], {}, []
        board.users = {asyncssh.read_public_key(lab.key_file(user) + ".pub").public_data: user for user in lab.users}
        board.be_honest()
        board.server = await asyncssh.create_server(
            lambda: Login(board), "127.0.0.1", 0, server_host_keys=[os.path.join(lab.dir, "host_key")], process_factory=board.serve, encoding=None,
            line_editor=False)
        board.port = board.server.sockets[0].getsockname()[1]
        with open(os.path.join(lab.dir, "known_hosts"), "r+", encoding="ascii") as known_hosts:
            known_hosts.write(re.sub(r"\]:\d+", f"]:{board.port}", known_hosts.readline()))
        return board

    def be_honest(self):
        self.name = lambda user: user
        self.answer = lambda user, verb, words, honest: honest
        self.pass_on = lambda sender, receiver, line: [line]

    def close(self):
        self.server.close()
        for seat in self.seats[:]:
            self.cut(seat)

    def cut(self, seat):
        """Ends the connection of a seat."""
        seat.process.get_extra_info("connection").abort()

    def seat(self, user, topic=None):
        """The last seat of this user, on this topic."""
        return [seat for seat in self.seats if seat.user == user and topic in (None, seat.topic)][-1]

    def topic_of(self, user, text):
        return text if text.count("/") > 1 else f"{self.name(user)}/{text}"

    def services(self):
        host, port = self.lab.services["relay"]
        return f"mailbox={self.lab.services['mailbox']}\r\nrelay=tcp:{host}:{port}\r\n"

    def honest(self, user, verb, words, connection):
        if verb == "user":
            return f"{self.name(user)}\r\n"
        if verb == "services":
            return self.services()
        if verb == "users":
            return "unknown=\r\n"
        if verb == "attest":
            self.attested.setdefault(words[0], set()).add(self.name(user))
            return "attested\r\n"
        if verb == "attested":
            return f"users={','.join(sorted(self.attested.get(words[0], ())))}\r\n"
        if verb == "ls":
            return "".join(f"- {topic}: (Access List: {', '.join(self.lab.users)})\r\n" for topic in sorted({seat.topic for seat in self.seats}))
        return "unknown command\r\n"

    async def serve(self, process):
        connection = process.get_extra_info("connection")
        user = connection.get_extra_info("user")
        verb, *words = process.command.split()
        if verb == "pipe":
            await self.sit(user, self.topic_of(user, words[0]), process)
            return
        text = self.answer(user, verb, words, self.honest(user, verb, words, connection))
        if text is None:
            await process.wait_closed()
            return
        try:
            process.stdout.write(text.encode() if isinstance(text, str) else text)
            process.exit(0)
        except (BrokenPipeError, ConnectionError, asyncssh.Error):
            pass

    async def sit(self, user, topic, process):
        seat = Seat(self, user, topic, process)
        self.seats.append(seat)
        try:
            while line := await process.stdin.readline():
                seat.said.append(line)
                self.heard.append(line)
                for receiver in [other for other in self.seats if other.topic == topic]:
                    for out in self.pass_on(seat, receiver, line):
                        await receiver.write(out)
        except (ConnectionError, asyncssh.Error):
            pass
        finally:
            self.seats.remove(seat)
            process.exit(0)
