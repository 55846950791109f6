"""Where sentences end: one case a line, with " | " (or "|" where no space is) at each boundary."""

from __future__ import annotations

import pytest

from clausetag.data.segment import sentence_spans

_CASES = """
You may object “at any time.”|We shall stop.
Do you sell it?|Never!
We comply with the EU-U.S. Privacy Shield. | It is old.
The EU-U.S. DPF, the UK Extension to the EU-U.S. DPF and the Swiss-U.S. DPF apply.
We left the EU-U.S. Privacy Shield and the Swiss-U.S. Privacy Shield. | We joined the EU-U.S. DPF.
Data goes to the U.S. Department of Commerce.
Our servers are in the U.S. | We protect them.
Our servers are in the U.S. and in Canada. | They are safe.
we follow the eu-u.s. and swiss-u.s. privacy shield. | it is old.
it follows the u.s. privacy act. | it is old.
We keep it in the U.S. | If you object, write to us.
If you live outside the U.S., you agree to this.
U.S. residents have further rights.
The U.S. Federal Trade Commission watches over us.
Residents of the U.K. | We act as the controller.
It is sent to the U.K. Information Commissioner on request.
Washington, D.C. | You may visit us there.
We send it to the U.S.A. | They keep it for a year.
You give us data (e.g. IP address) when you visit us.
You give us data (e.g., Your name) when you visit us. | We keep it.
You give us data, e.g. Internet Protocol addresses. | We keep it.
You give us data (e. g. IP address) when you visit us.
Personal data, i.e. Information about you, is safe. | Nobody reads it.
Personal data (i.e. your name). | Nobody reads it.
We keep it (cf. Section 4) for a year. | Then it goes.
See also cf. Article 6 of the law.
Opt-in vs. Opt-out is your choice.
We need approx. 30 days. | Then we answer.
It covers all fees incl. VAT and postage.
Dr. Smith is our officer. | Write to Dr. Smith.
Ms. Jones and Mr. Miller decide. | They are fair.
Prof. Lee wrote this.
Art. 6 GDPR is our legal basis. | We follow it.
Our basis is Art. 6(1)(f) GDPR. | You may object.
Our basis is Art. 6 para. 1 lit. b GDPR. | You may object.
See Sec. 5 of these terms. | It says more.
See Sec. 1798.100 of the Code.
Under Cal. Civ. Code Section 1798.83 you may ask. | We answer once a year.
California Civil Code § 1798.83 applies. | Ask us.
The law is 15 U.S.C. § 6501. | We follow it.
The law is 15 U.S.C. Section 6501 and the rule is 16 C.F.R. Part 312. | We follow both.
Our register number is No. 12345. | You may check it.
Do we sell it? | No. | We do not.
Company No. 4711 runs this site.
Did you ask? | Yes. | You did.
See Fig. 3 and pp. 4 to 6. | They show it.
Acme, Inc. runs this site. | It is in Ohio.
This site is run by Acme, Inc. | We are in Ohio.
This site is run by Acme Inc. (“Acme”) and its partners.
This site is run by Acme Ltd. | You may write to us.
This site is run by Acme Co. in Ohio.
Acme Corp. and Beta Corp. share data. | They told you.
Acme L.L.C. is a company.
This is Acme Pvt. Ltd. and nobody else.
We ask for name, age, etc. | You may refuse.
We ask for names, ages, etc. and store them.
We use names (ages, etc.) for this. | You may refuse.
Call us from 9 a.m. to 5 p.m. Monday to Friday.
Call us before 5 p.m. | We answer.
We use Yahoo! Analytics to count visits. | You may opt out.
Yahoo! Inc. reads it.
We work with Yahoo! and Google. | Both count visits.
You may use Yahoo! | You need no account.
Our partner Joomla! Extensions reads it.
We play Kahoot! with you and keep the scores.
Thank you for reading! | We wish you a good day.
Welcome to our site! | This policy is for you.
We never sell data! | Nobody does.
1. We collect your name. | 2. We collect your age. | 3. We share both.
We collect: 1. Names. | 2. Ages. | They are safe.
We ask for your age. | 2. We store it. | 3. We delete it.
(1) We collect it. | (2) We share it.
I. What we do. | II. What you may do. | III. How to write to us.
A. Names. | B. Addresses. | We keep both.
The child is under 13. | We delete the data.
You must be over the age of 16. | If you are not, leave.
We use version 2.5 of it. | It is new.
We keep it for 2.5 years. | Then it goes.
It runs on iOS 8.0.2 and Android 4.3 phones. | Both are old.
It costs $9.99 a month. | You may cancel.
We keep it for seven years.1 | Then we delete it.2 | You may object.
We keep it for seven years.[1] | Then we delete it.[2] | You may object.
We keep it for seven years.* | Then we delete it. | You may object.
We keep it for seven years.² | Then we delete it.
We post changes here.|We tell you by e-mail.|You should look.
Who sees it?|Only our staff sees it.
You may object (at any time).|We then stop.
We store your orders.|Information about you is safe.
Go to www.example.com for more. | You find it there.
Go to example.Com and look.
Write to us@example.com. | We answer.
Write to Privacy@Example.Com for more.
Our site runs on Node.Js and ASP.Net for you.
We use Booking.com and Hotels.com. | Both are partners.
See https://example.com/a.B/c for more. | It is long.
Is it safe? | It is.
“We sell nothing.” | That is our promise.
We sell nothing (really). | That is our promise.
(We sell nothing.) | That is our promise.
We said: “We sell nothing.” | We meant it.
We share it with St. Mary Hospital. | They need it.
We are at 5 Main St. Suite 4, Springfield.
We are at 5 Main St. | You may visit us.
Write to J. R. Smith or to A. Jones. | They answer.
A. Smith is our officer.
Our officer is Jane Q. Public. | Ask her.
We act as controller, see Reg. (EU) 2016/679. | It is law.
The rule (see Def. Personal Data) applies. | It is law.
We ask for your name, (2) your age and (3) your address. | We keep them.
You may opt out of any ad. | To do so, write to us.
We wait until you do so. | Your rights stay.
It is free. | You pay nothing.
You may ask us. | We answer.
He owns it. | She runs it.
We do it for you. | In return you pay.
You tell us who you are. | Our staff reads it.
We use it for the app. | The app is ours.
See our app. 3 of it is new.
We are liable under law no. 675 of 1996.
We follow the E.U. Data Protection Directive.
The law of the E.U. | It protects you.
We met on Jan. 5 and on Sept. 30. | Nothing changed.
It began in Dec. 2019. | It goes on.
It began in May. | We told you.
You may call us toll free at 1-800-555-1234. | We answer.
Tel. 555-1234 reaches us.
Our HRB No. 722287 is public.
Acme GmbH is a partner. | It is in Bonn.
We use Google Inc. as a provider. | It counts visits.
It is 5 p.m. at night there. | We sleep.
We respect J.P. Morgan and others.
Our Ph.D. students read it. | They are bound to secrecy.
He has a Ph.D. | He is careful.
We use cookies, web beacons, pixels ... and more.
We use cookies… | You may refuse them.
We log the time, the page, etc.
What is a cookie? | A cookie is a small file.
Do Not Track: we ignore it. | Sorry!
NO. | WE DO NOT SELL IT.
WE ARE NOT LIABLE FOR IT. | YOU USE IT AT YOUR OWN RISK.
we keep your data safe. | we never sell it.
thank you for your visit! | we hope to see you again.
We store it, see Section 4.2. | It says why.
We store it, see Section 4. | It says why.
You find Acme! on every phone. | It is free.
We rely on Articles 45 and 46. | They allow it.
It is stored under § 257 HGB. | It is kept for six years.
We give it to Messrs. Smith and Jones.
Our provider is Salesforce.com, Inc. | They host it.
Our provider is Amazon.com, Inc. and its affiliates.
Apple® and iPhone® are trademarks of Apple Inc. | They own them.
Our rating is No. 1 in town. | Come and see.
We do so as of Jan. 1, 2020. | This date counts.
We are a member of the W.E.E.E. scheme.
You can reach us Mon. to Fri. during the day.
This applies to EEA, U.K. and Swiss users. | They have rights.
This applies to U.S. and E.U. users. | They have rights.
Under U.S. law you have rights. | Under E.U. law too.
Data of U.S. Users stays there.
You may contact the Privacy Officer (Mr. A. Smith). | He answers.
We ask the U.S. Dept. of Justice. | They answer.
Our address: 12 High Rd. London. | Come by.
It is governed by the laws of Del. and N.Y. courts decide.
We use AdSense, DoubleClick, etc. | These are of Google.
We do not sell it. | However, we share it.
We answer within one month. | Occasionally it takes longer.
We share it only if the law requires us to do so. | Example Bank then tells you.
You can switch it off in our app. | IFSA keeps no copy.
Give us your zip code. | Signing up is your choice.
You may object by mail. | Letters that you have sent. | Nobody works offline. | Staff are trained.
Use of the site is free. | Acme may charge others.
This follows approx. Three requests and Art. 6 et seqq. GDPR applies.
See app. B of the min. Standard.
It applies to part iii. Acme reads it.
Call ext. Four for it.
"""


@pytest.mark.parametrize("case", _CASES.strip().splitlines())
def test_boundaries(case: str) -> None:
    text = case.replace(" | ", " ").replace("|", "")
    expected = [part.strip() for part in case.split("|")]
    assert [text[start:end] for start, end in sentence_spans(text)] == expected


def test_there_are_cases_enough() -> None:
    assert len(_CASES.strip().splitlines()) >= 150
