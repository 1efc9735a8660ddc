#!/usr/bin/env python3
"""Trades one session with a FIX engine that is not ours: QuickFIX as initiator against the gateway.

    pip install quickfix-tls==1.16.0.1rc1        (prebuilt; any build of the `quickfix` module serves)
    quickfix_session.py --host 127.0.0.1 --port 9878 --sender CLIENT1 --target SPRINGTIDE --symbol 600536

Steps: log on; two orders that cross; a third that rests, is replaced and then canceled; a cancel of an unknown order;
a status request; a broken connection and a resend request after it; log out. Exit code 0 when every answer was as
expected, 1 with a message at the first that was not, 2 for wrong arguments or a missing module.
"""
import argparse
import os
import queue
import shutil
import sys
import tempfile
import time

try:
    import quickfix as fix
except ImportError:
    print("the Python module `quickfix` is missing: pip install quickfix-tls==1.16.0.1rc1", file=sys.stderr)
    sys.exit(2)


class Failure(Exception):
    """An answer that was not the expected one."""


class Client(fix.Application):
    """Puts what arrives into queues, readable as dictionaries of the first value of each tag."""

    def __init__(self):
        super().__init__()
        self.logons = queue.Queue()
        self.logouts = queue.Queue()
        self.admin = queue.Queue()
        self.reports = queue.Queue()
        self.session = None
        self.credentials = None
        self.reset = False

    @staticmethod
    def fields(message):
        text = message.toString()
        pairs = [field.split("=", 1) for field in text.split("\x01") if "=" in field]
        values = {}
        for tag, value in pairs:
            values.setdefault(int(tag), value)
        return values

    def onCreate(self, session):
        self.session = session

    def onLogon(self, session):
        self.logons.put(session)

    def onLogout(self, session):
        self.logouts.put(session)

    def toAdmin(self, message, session):
        if message.getHeader().getField(35) == "A" and self.credentials:
            message.setField(553, self.credentials[0])
            message.setField(554, self.credentials[1])

    def fromAdmin(self, message, session):
        self.admin.put(self.fields(message))

    def toApp(self, message, session):
        pass

    def fromApp(self, message, session):
        self.reports.put(self.fields(message))


class Day:
    """The steps, in order."""

    def __init__(self, client, engine, arguments):
        self.client = client
        self.engine = engine
        self.arguments = arguments
        self.stamp = int(time.time() * 1000) % 10_000_000_000
        self.count = 0

    def identifier(self):
        self.count += 1
        return f"Q{self.stamp}-{self.count}"

    def order(self, kind, **values):
        message = fix.Message()
        message.getHeader().setField(35, kind)
        now = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())
        for tag, value in {55: self.arguments.symbol, 60: now, **{int(k[1:]): v for k, v in values.items()}}.items():
            if not (kind == "H" and tag == 60):
                message.setField(tag, str(value))
        if not fix.Session.sendToTarget(message, self.client.session):
            raise Failure(f"QuickFIX does not send a message of type {kind}")

    def expect(self, what, **values):
        """The next report must carry these values; returns it."""
        try:
            report = self.client.reports.get(timeout=self.arguments.timeout)
        except queue.Empty:
            raise Failure(f"{what}: no report within {self.arguments.timeout} s") from None
        for name, value in values.items():
            tag = int(name[1:])
            if report.get(tag) != str(value):
                raise Failure(f"{what}: tag {tag} is {report.get(tag)!r}, expected {value!r}; whole report {report}")
        print(f"ok   {what}")
        return report

    def wait(self, what, events):
        try:
            result = events.get(timeout=self.arguments.timeout)
        except queue.Empty:
            raise Failure(f"{what}: nothing within {self.arguments.timeout} s") from None
        print(f"ok   {what}")
        return result

    def trade(self):
        account, price, lot = self.arguments.account, self.arguments.price, self.arguments.quantity
        first, second = self.identifier(), self.identifier()
        common = {"_1": account, "_38": lot, "_40": 2, "_44": price}
        self.order("D", _11=first, _54=1, **common)
        new = self.expect("new buy order is accepted", _35=8, _11=first, _150=0, _39=0, _151=lot, _14=0)
        self.order("D", _11=second, _54=2, **{**common, "_1": self.arguments.seller or account})
        self.expect("new sell order is accepted", _35=8, _11=second, _150=0)
        fills = {}
        for _ in range(2):
            fill = self.expect("fill", _35=8, _150="F", _39=2, _151=0, _14=lot, _32=lot)
            fills[fill[11]] = fill
        if set(fills) != {first, second}:
            raise Failure(f"fills are of {sorted(fills)}, expected {first} and {second}")
        if fills[first][37] != new[37]:
            raise Failure("OrderID (37) of a fill differs from that of the acceptance")
        if float(fills[first][6]) != float(price) or float(fills[first][31]) != float(price):
            raise Failure(f"AvgPx or LastPx is not {price}: {fills[first]}")

    def amend(self):
        account, price, lot = self.arguments.account, self.arguments.price, self.arguments.quantity
        resting, replaced, canceled = self.identifier(), self.identifier(), self.identifier()
        self.order("D", _1=account, _11=resting, _38=lot, _40=2, _44=price, _54=1)
        self.expect("resting order is accepted", _35=8, _11=resting, _150=0)
        self.order("G", _1=account, _11=replaced, _41=resting, _38=2 * lot, _40=2, _44=price, _54=1)
        self.expect("replace is accepted", _35=8, _11=replaced, _41=resting, _150=5, _38=2 * lot, _151=2 * lot)
        self.order("H", _11=replaced, _54=1)
        self.expect("status is answered", _35=8, _150="I", _39=0, _151=2 * lot)
        self.order("F", _1=account, _11=canceled, _41=replaced, _38=2 * lot, _54=1)
        self.expect("cancel is accepted", _35=8, _11=canceled, _41=replaced, _150=4, _39=4, _151=0)
        unknown = self.identifier()
        self.order("F", _1=account, _11=unknown, _41="NOSUCHORDER", _38=lot, _54=1)
        self.expect("cancel of an unknown order is refused", _35=9, _11=unknown, _102=1, _434=1)

    def resend(self):
        """QuickFIX starts anew and is told it has seen nothing: it asks for everything again."""
        last = self.engine.session().getExpectedTargetNum()
        self.engine.stop()
        self.wait("logout before the resend", self.client.logouts)
        while not self.client.reports.empty():
            self.client.reports.get()
        self.engine.start(expected=1)
        self.wait("logon with a gap", self.client.logons)
        deadline = time.time() + self.arguments.timeout
        while self.engine.session().getExpectedTargetNum() <= last:
            if time.time() > deadline:
                number = self.engine.session().getExpectedTargetNum()
                raise Failure(f"after the resend QuickFIX expects {number}, not beyond {last}")
            time.sleep(0.05)
        again = []
        while not self.client.reports.empty():
            again.append(self.client.reports.get())
        if len(again) < 8 or any(report.get(43) != "Y" or 122 not in report for report in again):
            raise Failure(f"{len(again)} reports were sent again, expected 8 or more, all with 43=Y and 122")
        print(f"ok   {len(again)} reports were sent again with PossDupFlag")

    def run(self):
        self.engine.start()
        self.wait("logon", self.client.logons)
        self.trade()
        self.amend()
        self.resend()
        order = self.identifier()
        self.order("D", _1=self.arguments.account, _11=order, _38=self.arguments.quantity, _40=2,
                   _44=self.arguments.price, _54=1)
        self.expect("order after the resend is accepted", _35=8, _11=order, _150=0)
        self.order("F", _1=self.arguments.account, _11=self.identifier(), _41=order,
                   _38=self.arguments.quantity, _54=1)
        self.expect("and canceled", _35=8, _150=4)
        self.engine.stop()
        self.wait("logout", self.client.logouts)


class Engine:
    """QuickFIX' initiator; numbers and messages stay in `directory` from one start to the next."""

    def __init__(self, client, configuration):
        self.client = client
        self.configuration = configuration
        self.initiator = None
        self.store = None

    def session(self):
        return fix.Session.lookupSession(self.client.session)

    def start(self, expected=None):
        self.store = fix.FileStoreFactory(self.configuration)
        self.initiator = fix.SocketInitiator(self.client, self.store, self.configuration)
        if expected is not None:
            self.session().setNextTargetMsgSeqNum(expected)
        self.initiator.start()

    def stop(self):
        """Logs out, waits for the answer, and forgets the session."""
        if self.initiator is not None:
            self.initiator.stop()
            self.initiator = None
            self.store = None


def settings(arguments, directory):
    path = os.path.join(directory, "session.cfg")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"""[DEFAULT]
ConnectionType=initiator
FileStorePath={directory}
StartTime=00:00:00
EndTime=00:00:00
HeartBtInt=5
ReconnectInterval=1
UseDataDictionary=N
ValidateUserDefinedFields=N
SocketNodelay=Y
[SESSION]
BeginString=FIX.4.4
SenderCompID={arguments.sender}
TargetCompID={arguments.target}
SocketConnectHost={arguments.host}
SocketConnectPort={arguments.port}
ResetOnLogon={'Y' if arguments.reset else 'N'}
""")
    return fix.SessionSettings(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sender", required=True, help="our CompID (49)")
    parser.add_argument("--target", default="SPRINGTIDE", help="the gateway's CompID (56)")
    parser.add_argument("--symbol", default="600536")
    parser.add_argument("--account", default="17", help="account that buys")
    parser.add_argument("--seller", default="", help="account that sells; it must hold the shares; default: the same")
    parser.add_argument("--price", default="10.5")
    parser.add_argument("--quantity", type=int, default=100)
    parser.add_argument("--username", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--timeout", type=float, default=10, help="seconds to wait for each answer")
    parser.add_argument("--reset", action="store_true", help="send ResetSeqNumFlag with every Logon (no resend step)")
    arguments = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="quickfix-")
    client = Client()
    if arguments.username:
        client.credentials = (arguments.username, arguments.password)
    try:
        engine = Engine(client, settings(arguments, directory))
        day = Day(client, engine, arguments)
        if arguments.reset:
            day.resend = lambda: None
        try:
            day.run()
        finally:
            engine.stop()
    except (Failure, fix.ConfigError, fix.RuntimeError) as error:
        print(f"FAIL {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print("passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
