-- One MTA session after another, against the milter at SOCKET, whose children obey the words of libmilter_child.c.
-- Each check says what it wants; miltertest ends with a status other than 0 at the first that fails.

local function check(what, condition)
	if not condition then
		mt.echo("FAILED " .. what)
		error(what)
	end
	mt.echo("ok " .. what)
end

local function open()
	local conn = mt.connect(SOCKET, 10, 0.1)
	check("connect", conn ~= nil)
	check("negotiate", mt.negotiate(conn, nil, nil, nil) == nil)
	mt.macro(conn, SMFIC_CONNECT, "j", "mx.test.invalid", "v", "miltertest")
	check("client", mt.conninfo(conn, "client.test", "192.0.2.7") == nil)
	check("client passes", mt.getreply(conn) == SMFIR_CONTINUE)
	check("helo", mt.helo(conn, "client.test") == nil)
	check("helo passes", mt.getreply(conn) == SMFIR_CONTINUE)
	return conn
end

local function replied(conn, what, problem, wanted)
	check(what, problem == nil)
	if mt.getreply(conn) ~= wanted then
		error(what .. ": reply " .. string.char(mt.getreply(conn)))
	end
end

local function envelope(conn, word)
	mt.macro(conn, SMFIC_MAIL, "i", "QUEUEID", "{mail_addr}", word .. "@sender.test")
	replied(conn, "mail " .. word, mt.mailfrom(conn, "<" .. word .. "@sender.test>", "SIZE=100"), SMFIR_CONTINUE)
	mt.macro(conn, SMFIC_RCPT, "{rcpt_addr}", "r1@rcpt.test")
	replied(conn, "rcpt r1", mt.rcptto(conn, "<r1@rcpt.test>"), SMFIR_CONTINUE)
	replied(conn, "rcpt r2", mt.rcptto(conn, "<r2@rcpt.test>"), SMFIR_CONTINUE)
end

local function content(conn)
	replied(conn, "data", mt.data(conn), SMFIR_CONTINUE)
	check("from", mt.header(conn, "From", "author@sender.test") == nil)
	check("subject", mt.header(conn, "Subject", "a test") == nil)
	check("x-k", mt.header(conn, "X-K", "one") == nil)
	check("x-k again", mt.header(conn, "X-K", "two") == nil)
	check("end of header", mt.eoh(conn) == nil)
	check("body", mt.bodystring(conn, "hello\r\n") == nil)
	check("random body", mt.bodyrandom(conn, 100000) == nil)
	check("end of message", mt.eom(conn) == nil)
end

local function message(conn, word, wanted)
	envelope(conn, word)
	content(conn)
	if mt.getreply(conn) ~= wanted then
		error(word .. ": reply " .. string.char(mt.getreply(conn)))
	end
	mt.echo("ok message " .. word)
end

-- Several messages in a session, with every kind of edit.
local conn = open()
message(conn, "fine", SMFIR_CONTINUE)
check("mark", mt.eom_check(conn, MT_HDRADD, "X-Mark-peer"))
check("no body replaced", not mt.eom_check(conn, MT_BODYCHANGE))
message(conn, "eom.edits", SMFIR_CONTINUE)
check("added", mt.eom_check(conn, MT_HDRADD, "X-Added"))
check("inserted", mt.eom_check(conn, MT_HDRINSERT, "X-Top"))
check("changed", mt.eom_check(conn, MT_HDRCHANGE, "Subject"))
check("deleted", mt.eom_check(conn, MT_HDRDELETE, "X-K"))
check("recipient added", mt.eom_check(conn, MT_RCPTADD, "<added@rcpt.test>"))
check("recipient deleted", mt.eom_check(conn, MT_RCPTDELETE, "<r2@rcpt.test>"))
message(conn, "eom.chunks", SMFIR_CONTINUE)
check("body replaced", mt.eom_check(conn, MT_BODYCHANGE))
message(conn, "eom.quarantine", SMFIR_CONTINUE)
check("quarantined", mt.eom_check(conn, MT_QUARANTINE))
message(conn, "eom.reject", SMFIR_REJECT)
message(conn, "eom.reply", SMFIR_REPLYCODE)
message(conn, "eom.discard", SMFIR_DISCARD)
message(conn, "eom.accept", SMFIR_ACCEPT)
mt.disconnect(conn)

-- An abort, between the envelope and the content and inside the content; an unknown command; refusals.
conn = open()
envelope(conn, "fine")
check("abort", mt.abort(conn) == nil)
envelope(conn, "fine")
replied(conn, "data", mt.data(conn), SMFIR_CONTINUE)
check("from", mt.header(conn, "From", "author@sender.test") == nil)
check("abort in the header", mt.abort(conn) == nil)
replied(conn, "unknown", mt.unknown(conn, "NONSENSE a b"), SMFIR_CONTINUE)
replied(conn, "unknown refused", mt.unknown(conn, "UNKNOWN.reject"), SMFIR_REJECT)
replied(conn, "mail refused", mt.mailfrom(conn, "<mail.reject@sender.test>"), SMFIR_REJECT)
replied(conn, "mail with a text", mt.mailfrom(conn, "<mail.reply@sender.test>"), SMFIR_REPLYCODE)
replied(conn, "mail", mt.mailfrom(conn, "<fine@sender.test>"), SMFIR_CONTINUE)
replied(conn, "rcpt refused", mt.rcptto(conn, "<rcpt.tempfail@rcpt.test>"), SMFIR_TEMPFAIL)
replied(conn, "rcpt", mt.rcptto(conn, "<r1@rcpt.test>"), SMFIR_CONTINUE)
content(conn)
check("the rest passes", mt.getreply(conn) == SMFIR_CONTINUE)
check("mark", mt.eom_check(conn, MT_HDRADD, "X-Mark-peer"))
mt.disconnect(conn)

-- An MTA that goes away without a word, and one that comes after it.
conn = open()
envelope(conn, "fine")
mt.disconnect(conn, false)
conn = open()
message(conn, "fine", SMFIR_CONTINUE)
mt.disconnect(conn)
