# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who comes back after what he last knew was forgotten gets everything that remains, however his client asks for it.

The questions are those of real clients, as their sources put them; what each does with the answers is told in its class. Read in:
- Conversations (github.com/iNPUTmice/Conversations, commit 0677ddc59b5894b4a6e25901a2f2dbe28ca2a948): MessageArchiveService.java and
  Config.java in src/main/java/eu/siacs/conversations/, generator/IqGenerator.java and generator/AbstractGenerator.java beside them;
- Gajim (github.com/gajim/gajim, commit 67350349e5b023ffbbeceea4c2e19681e55e4456): gajim/common/modules/mam.py; its library nbxmpp
  (github.com/gajim/python-nbxmpp, versions 4.2.2 and 6.1.1): nbxmpp/modules/mam.py;
- Dino (github.com/dino/dino, commit 45723ac201c1905571f9f78c8c970828db97139a): libdino/src/service/history_sync.vala,
  0313_2_message_archive_management.vala and 0059_result_set_management.vala in xmpp-vala/src/module/xep/.
"""
import datetime

from lethe_test import WireCase, archive, main
from lethe_test.archive import rsm
from lethe_test.commands import choose_retention
from lethe_test.waiting import until

LEFT = 157  # messages: several pages of each client, the last one not full


def utc(moment, fractions=False):
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{moment.microsecond // 1000:03}" if fractions else "") + "Z"


class CatchUp(WireCase):
    policy = {"archive": {"keep": "7d", "choices": ["7d", "2s"]}, "letterbox": {"keep": "7d"}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        case = cls("run")
        case.setUp()
        try:
            case.lives_through_it()
        finally:
            case.tearDown()

    def lives_through_it(self):
        """Somebody receives messages under a short retention, loses them, and receives others under a long one."""
        cls = type(self)
        cls.owner, other = self.accounts(2)
        cls.friend = other.jid
        reader, writer = self.online(cls.owner, "r"), self.session(other, "w").enable_sm()
        choose_retention(reader, "2s")
        cls.began = datetime.datetime.now(datetime.timezone.utc)
        self.says(writer, "gone", 3)
        gone = [s for s in reader.collect() if s.name == "message"]
        cls.first_known, cls.last_known = gone[0].stanza_id, gone[-1].stanza_id
        until(lambda: not list((self.server.data / "buckets" / "archive-2s").glob("*.mdb")), "the end of what was kept for two seconds")
        choose_retention(reader, "7d")
        self.says(writer, "left", LEFT)
        left = [s for s in reader.collect() if s.name == "message"]
        cls.left = [(s.stanza_id, s.text_of("body")) for s in left]
        self.assertEqual([f"left {n}" for n in range(LEFT)], [body for _, body in cls.left])

    def says(self, writer, what, count):
        for number in range(count):
            writer.sends(f"<message to='{self.owner.jid}' type='chat'><body>{what} {number}</body></message>")
        writer.all_acked()  # they are stored: their bucket is there, or has been

    def setUp(self):
        super().setUp()
        self.reader = self.session(self.owner, "again") if hasattr(self, "left") else None

    def asks(self, fields, **set_):
        got = archive.page(self.reader, fields, rsm(**set_), to=self.owner.jid)
        self.assertTrue(got.has_set, "Gajim and Dino take an answer without a result set for a broken one, also when it is empty")
        if not got.complete:
            self.assertTrue(got.first and got.last, "without these Conversations stops and Gajim gives up")
        return got

    def read(self, got):
        return list(zip(got.ids, got.bodies))

    def day(self, days):
        return utc(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days))


class Conversations(CatchUp):
    """Pages of 50. Forwards it goes on after `last` until a page is complete or has no `last`; backwards before `first`, one page at a
    time as the user scrolls. A page that names an id does not repeat `start`."""

    def forwards(self, fields, **set_):
        found = []
        while True:
            got = self.asks(fields, max=50, **set_)
            found += self.read(got)
            if got.complete or got.last is None:
                return found
            fields, set_ = {}, {"after": got.last}

    def test_catching_up_after_the_last_message_it_knows(self):
        self.assertEqual(self.left, self.forwards({}, after=self.last_known))
        self.assertEqual(self.left, self.forwards({}, after=self.first_known))
        self.assertEqual(self.left[70:], self.forwards({}, after=self.left[69][0]))
        self.assertEqual([], self.forwards({}, after=self.left[-1][0]))

    def test_catching_up_by_time(self):
        self.assertEqual(self.left, self.forwards({"start": utc(self.began, fractions=True)}))
        self.assertEqual(self.left, self.forwards({"start": self.day(-5)}))
        self.assertEqual([], self.forwards({"start": self.day(+1)}))

    def test_scrolling_back_in_one_chat(self):
        fields = {"with": self.friend, "start": utc(self.began, fractions=True), "end": self.day(+1)}
        got = self.asks(fields, before="", max=50)
        self.assertEqual((self.left[-50:], False), (self.read(got), got.complete))
        del fields["start"]
        found = self.read(got)
        while not got.complete and got.first:
            got = self.asks(fields, before=got.first, max=50)
            found = self.read(got) + found
        self.assertEqual(self.left, found)
        # The oldest message that this client still has is forgotten here: before it there is nothing.
        got = self.asks(fields, before=self.first_known, max=50)
        self.assertEqual(([], True), (got.entries, got.complete))


class Gajim(CatchUp):
    """Pages of 70, after the last id it has seen, or at its first start from a week ago; `start` is repeated on every page. Only
    item-not-found would make it begin anew with the last week, so that older messages would never be asked for."""

    def catches_up(self, fields, **set_):
        found = []
        while True:
            got = self.asks(fields, max=70, **set_)
            found += self.read(got)
            if got.complete:
                return found
            set_ = {"after": got.last}

    def test_signing_in_again(self):
        self.assertEqual(self.left, self.catches_up({}, after=self.last_known))
        self.assertEqual(self.left, self.catches_up({}, after=self.first_known))
        self.assertEqual(self.left[3:], self.catches_up({}, after=self.left[2][0]))

    def test_the_first_start(self):
        self.assertEqual(self.left, self.catches_up({"start": self.day(-7)}))

    def test_an_interval(self):
        self.assertEqual(self.left, self.catches_up({"start": self.day(-30), "end": self.day(+1)}))
        self.assertEqual(self.left, self.catches_up({"start": self.day(-30), "end": self.day(+1)}, after=self.last_known))
        self.assertEqual([], self.catches_up({"start": self.day(-30), "end": self.day(-1)}))

    def test_an_id_that_was_never_one_makes_it_begin_anew(self):
        question = archive.query_iq({}, rsm(max=70, after="28482-98726-73623"), to=self.owner.jid)
        self.assert_error(self.reader.asks(question), "item-not-found")


class Dino(CatchUp):
    """Pages of 20, always backwards: the newest one first, then before `first` until a page has the id sought or is complete. What it
    knows is ranges, each with an id and a second at both ends; what lies between two of them is asked for by the earlier one's last second
    and the later one's first id, and what lies before the first from the beginning of time."""

    def backwards(self, start, target=None, before=""):
        found = []
        while True:
            got = self.asks({"start": start}, max=20, before=before)
            found = self.read(got) + found
            if got.complete or target in got.ids:
                return found
            self.assertTrue(got.entries, "an incomplete page without entries leads nowhere")
            before = got.first

    def test_the_latest_page_and_what_lies_between_it_and_what_is_known(self):
        known = self.began + datetime.timedelta(seconds=1)
        latest = self.asks({"start": utc(known - datetime.timedelta(minutes=5))}, max=20, before="")
        self.assertEqual((self.left[-20:], False), (self.read(latest), latest.complete))
        between = self.backwards(utc(self.began), self.last_known, before=latest.first)
        self.assertEqual(self.left, between + self.read(latest))

    def test_what_is_known_is_found_again(self):
        target = self.left[64][0]
        found = self.backwards(utc(self.began), target)
        self.assertEqual(self.left[len(self.left) - len(found):], found)
        self.assertIn(target, [id_ for id_, _ in found[:20]])

    def test_before_what_it_knows_there_is_nothing_left(self):
        beginning = "1970-01-01T00:00:00Z"
        got = self.asks({"start": beginning}, max=20, before=self.first_known)
        self.assertEqual(([], True), (got.entries, got.complete))
        self.assertEqual(self.left, self.backwards(beginning))


class IdsInTheForm(CatchUp):
    """The fields that XEP-0313 gives whoever can (urn:xmpp:mam:2#extended): none of the three asks with them yet."""

    def test_after_what_is_gone_comes_the_oldest_and_before_it_nothing(self):
        got = self.asks({"after-id": self.last_known}, max=250)
        self.assertEqual((self.left, True), (self.read(got), got.complete))
        got = self.asks({"after-id": self.last_known, "before-id": self.left[5][0]}, max=20)
        self.assertEqual((self.left[:5], True), (self.read(got), got.complete))
        got = self.asks({"before-id": self.last_known}, max=20)
        self.assertEqual(([], True), (got.entries, got.complete))


del CatchUp  # the base has no tests of its own


if __name__ == "__main__":
    main()
