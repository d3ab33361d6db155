"""What reviewers and the submitter of a job write to each other, passed on and kept.

A reviewer signs each question over the job's digest. What they wrote stands in the audit log
whole, for it left the domain.
"""

from darkroom.errors import DarkroomError, SpecError
from darkroom.model.budget import DAY
from darkroom.model.job import JOB_ID
from darkroom.model.job_record import JobRecord
from darkroom.model.letter import Letter
from darkroom.model.message import QUESTION, Message, Side, require_words
from darkroom.node.charge import Charge
from darkroom.node.journal import Journal
from darkroom.node.laws import Laws
from darkroom.node.spoken import Spoken
from darkroom.node.store import NodeStore
from darkroom.policy.conversation import against_message
from darkroom.policy.people import is_author


class Conversation:
    """Takes `review.ask` and `job.answer`."""

    def __init__(
        self, *, store: NodeStore, journal: Journal, laws: Laws, charge: Charge, spoken: Spoken
    ) -> None:
        self._store = store
        self._journal = journal
        self._laws = laws
        self._charge = charge
        self._spoken = spoken

    def ask(self, letter: Letter) -> None:
        """Pass a reviewer's question on to the submitter, or tell the reviewer why not."""
        voters = self._laws.voters()
        person = voters.get(letter.sender)
        if person is None:
            self._refuse(letter.sender, "", "no reviewer")
            return
        said = letter.body.get("question")
        job_id = ""
        try:
            body = self._spoken.body(letter.sender, said, QUESTION)
            record = self._record(body.get("job_id"))
            job_id = record.job_id
            if body.get("digest") != record.request.job_digest:
                raise SpecError("the job here has another digest", next_step="look at it again")
            if is_author(person, self._laws.author(record.submitter), voters):
                raise SpecError("nobody reviews their own job", next_step="ask another reviewer")
            text = require_words(body.get("text"))
            self._pass_on(record, "reviewer", letter.sender, text, said)
        except DarkroomError as error:
            self._refuse(letter.sender, job_id, error.message)
            about = f"job {job_id}: " if job_id else ""
            why = f"{about}not passed on: {error.message}"
            self._journal.tell_owner("warning", why, to=letter.sender)

    def answer(self, letter: Letter) -> None:
        """Pass a submitter's words on to whoever reviews their job.

        One that is not passed on is noted and not answered: a flood of them costs no letter, and
        the SDK says the same before it sends.
        """
        job_id = ""
        try:
            record = self._record(letter.body.get("job_id"))
            if record.submitter != letter.sender:  # whether there is such a job is not told
                raise SpecError("there is no such job here", next_step="name your own")
            job_id = record.job_id
            text = require_words(letter.body.get("text"))
            self._pass_on(record, "scientist", letter.sender, text)
        except DarkroomError as error:
            self._refuse(letter.sender, job_id, error.message)

    def _record(self, job_id: object) -> JobRecord:
        named = isinstance(job_id, str) and JOB_ID.fullmatch(job_id) is not None
        record = self._store.job(str(job_id)) if named else None
        if record is None:
            raise SpecError("there is no such job here", next_step="look at it again")
        return record

    def _pass_on(
        self, record: JobRecord, side: Side, by: str, text: str, said: object = None
    ) -> None:
        now, before = self._charge.now(), self._store.messages(record.job_id)
        today = self._store.count_messages_of(by, now - DAY)
        if why := against_message(side, record.state, before, today=today, now=now):
            raise SpecError(why, next_step="wait, or decide")
        message = Message(
            job_id=record.job_id, number=len(before) + 1, side=side, by=by, text=text, at=now
        )
        self._store.add_message(message)
        told = {name: value for name, value in message.to_mapping().items() if name != "job_id"}
        if said is not None:
            told["statement"] = said
        self._journal.note("message-passed-on", record.job_id, **told)
        # Both sides get it, its author too: so all have the same words in the same order.
        self._journal.tell("job.message", record.submitter, message.to_mapping())
        may_see = set(self._laws.people_for(record.submitter))
        for person in record.asked:
            if person in may_see:
                self._journal.tell("review.message", person, message.to_mapping())

    def _refuse(self, sender: str, job_id: str, why: str) -> None:
        self._journal.refuse("message-refused", sender, job_id, sender=sender, reason=why)
