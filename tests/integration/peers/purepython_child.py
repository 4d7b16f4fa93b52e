"""A milter on purepythonmilter, a library of pure Python. Usage: purepython_child.py PORT"""

import sys

import purepythonmilter as ppm  # type: ignore[import-not-found]


async def on_mail(command: ppm.MailFrom) -> ppm.VerdictOrContinue:
    if command.address.startswith("mail.reply@"):
        return ppm.RejectWithCode(
            primary_code=(5, 5, 0), enhanced_code=(5, 7, 9), text="not today, 100% sure"
        )
    if command.address.startswith("mail.discard@"):
        return ppm.DiscardMessage()
    return ppm.Continue()


async def on_rcpt(command: ppm.RcptTo) -> ppm.VerdictOrContinue:
    if command.address.startswith("rcpt.tempfail@"):
        return ppm.TempFailWithCode(primary_code=(4, 5, 1), enhanced_code=(4, 7, 8), text="later")
    return ppm.Continue()


async def on_header(command: ppm.Header) -> None:
    pass


async def on_end_of_message(command: ppm.EndOfMessage) -> ppm.VerdictOrContinue:
    return ppm.Continue(
        manipulations=[
            ppm.AppendHeader(headername="X-Pure", headertext="seen"),
            ppm.InsertHeader(headername="X-Pure-Top", headertext="0", index=0),
            ppm.ChangeHeader(
                headername="Subject", headertext="changed by purepythonmilter", nth_occurrence=1
            ),
            ppm.AddRecipient(recipient="<added@rcpt.test>"),
            ppm.RemoveRecipient(recipient="<r2@rcpt.test>"),
            ppm.ReplaceBodyChunk(chunk=b"replaced by purepythonmilter\r\n"),
        ]
    )


def main() -> None:
    child = ppm.PurePythonMilter(
        name="child",
        hook_on_mail_from=on_mail,
        hook_on_rcpt_to=on_rcpt,
        hook_on_header=on_header,
        hook_on_end_of_message=on_end_of_message,
        restrict_symbols=None,
        can_add_headers=True,
        can_change_headers=True,
        can_change_body=True,
        can_add_recipients=True,
        can_remove_recipients=True,
    )
    child.run_server(host="127.0.0.1", port=int(sys.argv[1]))


if __name__ == "__main__":
    main()
