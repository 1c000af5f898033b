/* The text of -p: stages, arguments, keys, order, and every way to be wrong. */
#include "stage/pipe.h"

#include <stdlib.h>

#include "base/text.h"
#include "check.h"
#include "stage/exec.h"
#include "stage/frame.h"
#include "stage/tee.h"

static int
parse(struct ipc_pipe_spec *spec, struct ipc_error *err, const char *a,
    const char *b)
{
	struct ipc_strings texts = { 0 };
	int rc;

	memset(err, 0, sizeof(*err));
	if (ipc_strings_add(&texts, a) != 0 ||
	    (b != NULL && ipc_strings_add(&texts, b) != 0))
		abort();
	rc = ipc_pipe_parse(spec, &texts, err);
	ipc_strings_free(&texts);
	return rc;
}

/* `texts` gives stages that print as `want`. */
static void
good(const char *a, const char *b, const char *want)
{
	struct ipc_pipe_spec spec;
	struct ipc_error err;
	struct ipc_text t = { 0 };

	if (ok(parse(&spec, &err, a, b) == 0, "good: %s", want))
		ipc_pipe_text(&spec, &t);
	else
		printf("# %s: %s\n", err.where, err.what);
	is_str(t.s, want, "printed: %s", want);
	ipc_text_free(&t);
	ipc_pipe_spec_free(&spec);
	ok(spec.n == 0 && spec.stage[0].cfg == NULL, "freed: %s", want);
	ipc_pipe_spec_free(&spec);
}

/* hint NULL: whatever it is. */
static void
bad(const char *a, const char *b, const char *what, const char *where,
    const char *hint)
{
	struct ipc_pipe_spec spec;
	struct ipc_error err;

	ok(parse(&spec, &err, a, b) == IPC_E_USAGE, "bad: %s", a);
	is_str(err.what, what, "what is wrong with %s", a);
	is_str(err.where, where, "where it is wrong in %s", a);
	if (hint != NULL)
		is_str(err.hint, hint, "how to mend %s", a);
	ok(err.hint[0] != '\0', "there is a way to mend %s", a);
	ok(spec.n == 0, "nothing is left of %s", a);
	memset(&spec, 0xA5, sizeof(spec));
	ok(ipc_pipe_parse(&spec, &(struct ipc_strings){
	    .v = (const char *[]){ a, b }, .n = b == NULL ? 1 : 2 }, NULL) ==
	    IPC_E_USAGE, "bad without an error to fill: %s", a);
}

static void
grammar(void)
{
	struct ipc_pipe_spec spec;
	struct ipc_error err;
	struct ipc_strings none = { 0 };

	ok(ipc_pipe_parse(&spec, &none, &err) == 0 && spec.n == 0,
	    "no text, no stage");
	good("convert:json>cbor|frame:len32", NULL,
	    "convert:json>cbor | frame:len32");
	good(" convert : json>cbor , strict, depth = 9\t|\n frame : len32 ",
	    NULL, "convert : json>cbor , strict, depth = 9 | frame : len32");
	good("convert:json>cbor", "frame:len32",
	    "convert:json>cbor | frame:len32");
	good("rate:1k/s|rate:1msg/s", "tee:x",
	    "rate:1k/s | rate:1msg/s | tee:x");
	good("text:utf-16>utf-8 | convert:json>cbor", NULL,
	    "text:utf-16>utf-8 | convert:json>cbor");
	good("convert:json>cbor | text:utf-16>utf-8", NULL,
	    "convert:json>cbor | text:utf-16>utf-8");

	bad("", NULL, "a stage is missing in the pipeline", "",
	    "write a stage on both sides of |, such as "
	    "-p 'convert:json>cbor | frame:len32'");
	bad("frame:line|", NULL, "a stage is missing in the pipeline", "",
	    "write a stage on both sides of |, such as "
	    "-p 'convert:json>cbor | frame:len32'");
	bad("| frame:line", NULL, "a stage is missing in the pipeline", "",
	    "write a stage on both sides of |, such as "
	    "-p 'convert:json>cbor | frame:len32'");
	bad("convrt:json>cbor", NULL, "unknown stage \"convrt\"", "",
	    "did you mean convert?");
	bad("frame:line", "Frame:line", "unknown stage \"Frame\"", "",
	    "did you mean frame?");
	bad("wxyz", NULL, "unknown stage \"wxyz\"", "",
	    "ipcat help stages lists them");
	bad("crlf", NULL, "unknown stage \"crlf\"", "",
	    "ipcat help stages lists them");
	bad("frame:line tee:x", NULL, "unknown framing \"line tee:x\"",
	    "stage frame", NULL);
}

static void
keys(void)
{
	bad("convert:json>cbor,strct", NULL, "unknown key \"strct\"",
	    "stage convert: key strct", "did you mean strict?");
	bad("convert:json>cbor,", NULL, "a key is missing beside a comma",
	    "stage convert",
	    "write convert:FROM>TO[,strict][,canonical][,generic][,depth=N]");
	bad("convert:json>cbor,,strict", NULL,
	    "a key is missing beside a comma", "stage convert",
	    "write convert:FROM>TO[,strict][,canonical][,generic][,depth=N]");
	bad("convert:json>cbor,=1", NULL, "a key is missing beside a comma",
	    "stage convert",
	    "write convert:FROM>TO[,strict][,canonical][,generic][,depth=N]");
	bad("convert:json>cbor,depth", NULL, "a value is missing: N",
	    "stage convert: key depth", "write depth=N");
	bad("convert:json>cbor,depth=0", NULL, "\"0\" is too small",
	    "stage convert: key depth", "the least is 1");
	bad("convert:json>cbor,strict=maybe", NULL,
	    "\"maybe\" is neither yes nor no", "stage convert: key strict",
	    "write yes or no");
	bad("convert:json", NULL, "convert needs FROM>TO", "stage convert",
	    "write convert:json>cbor");
	bad("convert", NULL, "convert needs FROM>TO", "stage convert",
	    "write convert:json>cbor");
	bad("convert:jsn>cbor", NULL, "unknown format \"jsn\"",
	    "stage convert", "choose from json, msgpack, cbor and xml");
	bad("convert:json>", NULL, "unknown format \"\"", "stage convert",
	    "choose from json, msgpack, cbor and xml");
	bad("frame:line,strict", NULL, "frame has no keys: \"strict\"",
	    "stage frame", "write frame:FRAMING");
	bad("frame", NULL, "frame needs a framing", "stage frame",
	    "name one, such as frame:len32 or frame:line");
	bad("tee", NULL, "tee needs a file", "stage tee", "write tee:FILE");
	bad("tee:", NULL, "tee needs a file", "stage tee", "write tee:FILE");
	bad("rate:100/s", NULL, "\"100/s\" is not a rate", "stage rate",
	    "write rate:100msg/s, rate:64k/s or rate:500B/s");
	bad("rate", NULL, "\"\" is not a rate", "stage rate",
	    "write rate:100msg/s, rate:64k/s or rate:500B/s");
	bad("rate:0msg/s", NULL, "\"0msg/s\" is out of range", "stage rate",
	    "a rate is from 1 to 1T a second");
}

/* What a backslash takes literally, seen in the path of tee. */
static void
path_is(const char *text, const char *want, uint32_t stages)
{
	struct ipc_pipe_spec spec;
	struct ipc_error err;
	const struct ipc_tee_cfg *c;

	if (!ok(parse(&spec, &err, text, NULL) == 0, "tee of %s", text))
		return;
	c = spec.stage[0].cfg;
	is_str(c->path, want, "path of %s", text);
	is_u64(spec.n, stages, "stages of %s", text);
	ipc_pipe_spec_free(&spec);
}

static void
escapes(void)
{
	path_is("tee:a", "a", 1);
	path_is("tee:a\\|b", "a|b", 1);
	path_is("tee:a\\,b", "a,b", 1);
	path_is("tee:a\\,append", "a,append", 1);
	path_is("tee:a\\n", "a\\n", 1);
	path_is("tee:a\\\\|tee:b", "a\\\\", 2);
	path_is("tee:a\\\\\\|b", "a\\\\|b", 1);
	path_is("tee:a\\", "a\\", 1);
	path_is("tee:a b:c", "a b:c", 1);
	path_is("tee:a:\\,\\||frame:line", "a:,|", 2);
}

static void
configs(void)
{
	struct ipc_pipe_spec spec;
	struct ipc_error err;
	const struct ipc_tee_cfg *tee;
	const struct ipc_frame_cfg *frame;

	if (!ok(parse(&spec, &err, "tee:log,framing=nul,append | tee:other",
	    "frame:delim:\\,\\|") == 0, "two tees and a frame"))
		return;
	tee = spec.stage[0].cfg;
	ok(tee->append && tee->framing.kind == IPC_FRAME_NUL,
	    "the keys of tee");
	tee = spec.stage[1].cfg;
	ok(!tee->append && tee->framing.kind == IPC_FRAME_LINE,
	    "the defaults of tee");
	is_str(tee->path, "other", "the second path");
	frame = spec.stage[2].cfg;
	ok(frame->f.kind == IPC_FRAME_DELIM && frame->f.ndelim == 2 &&
	    memcmp(frame->f.delim, ",|", 2) == 0, "a delimiter with escapes");
	ok(spec.stage[0].ops->core && spec.stage[2].ops->core,
	    "core does their work");
	ipc_pipe_spec_free(&spec);
	ok(parse(&spec, &err, "convert:json>cbor", NULL) == 0 &&
	    strcmp(spec.stage[0].ops->framing(spec.stage[0].cfg),
	    "cbor") == 0, "the wire is cbor");
	ipc_pipe_spec_free(&spec);
	ok(parse(&spec, &err, "convert:cbor>json", NULL) == 0 &&
	    strcmp(spec.stage[0].ops->framing(spec.stage[0].cfg),
	    "line") == 0,
	    "the wire is text");
	ipc_pipe_spec_free(&spec);
}

static void
exec_is(const char *text, const char *cmd, const char *undo, uint8_t kind)
{
	struct ipc_pipe_spec spec;
	struct ipc_error err;
	const struct ipc_exec_cfg *c;

	if (!ok(parse(&spec, &err, text, NULL) == 0, "exec: %s", text)) {
		printf("# %s\n", err.what);
		return;
	}
	c = spec.stage[spec.n - 1].cfg;
	is_str(c->cmd, cmd, "command of %s", text);
	is_str(c->undo, undo, "undo of %s", text);
	is_u64(c->framing.kind, kind, "framing of %s", text);
	is_str(spec.stage[spec.n - 1].text, text + strspn(text, " "),
	    "text of %s", text);
	ipc_pipe_spec_free(&spec);
}

static void
commands(void)
{
	const char *hint = "write exec:CMD; its keys come before the colon";

	exec_is("exec:jq -c .a", "jq -c .a", NULL, IPC_FRAME_LINE);
	exec_is("exec:a|b, c=\\,\\| ", "a|b, c=\\,\\| ", NULL, IPC_FRAME_LINE);
	exec_is("  exec:a:b:c", "a:b:c", NULL, IPC_FRAME_LINE);
	exec_is("exec,framing=len32:cat", "cat", NULL, IPC_FRAME_LEN32);
	exec_is("exec , framing=nul , undo=tr a b : tr b a", " tr b a",
	    "tr a b", IPC_FRAME_NUL);
	exec_is("exec,undo=a\\,b\\:c\\|d|e:cmd", "cmd", "a,b:c\\|d|e",
	    IPC_FRAME_LINE);
	good("exec:a | b", "frame:line", "exec:a | b | frame:line");
	bad("exec", NULL, "exec needs a command", "stage exec", hint);
	bad("exec:", NULL, "exec needs a command", "stage exec", hint);
	bad("exec: \t", NULL, "exec needs a command", "stage exec", hint);
	bad("exec,undo=x", NULL, "exec needs a command", "stage exec", hint);
	bad("exec,undo=:x", NULL, "undo needs a command", "stage exec",
	    "write undo=CMD");
	bad("exec,framing=raw:x", NULL,
	    "raw is one message only: a co-process needs more",
	    "stage exec: key framing",
	    "use a framing that ends each message, such as line");
	bad("exec,unso=x:x", NULL, "unknown key \"unso\"",
	    "stage exec: key unso", "did you mean undo?");
}

static void
order(void)
{
	char many[400] = "rate:1k/s";
	int i;

	bad("frame:len32 | rate:1k/s | convert:json>cbor", NULL,
	    "frame cannot come before rate: stages go from the application "
	    "to the wire", "",
	    "-p 'convert:json>cbor | rate:1k/s | frame:len32'");
	bad("tee:x", "convert:json>cbor, strict",
	    "tee cannot come before convert: stages go from the application "
	    "to the wire", "", "-p 'convert:json>cbor, strict | tee:x'");
	bad("frame:line", "exec:sed 's/a/b/'",
	    "frame cannot come before exec: stages go from the application "
	    "to the wire", "",
	    "-p 'exec:sed '\\''s/a/b/'\\''' -p 'frame:line'");
	bad("tee:a\\|b | tee:c | convert:json>xml", NULL,
	    "tee cannot come before convert: stages go from the application "
	    "to the wire", "",
	    "-p 'convert:json>xml | tee:a\\|b | tee:c'");
	bad("frame:line | frame:nul", NULL,
	    "the pipeline has more than one frame", "",
	    "leave one of them out");
	for (i = 1; i < IPC_PIPE_MAX; i++)
		strcat(many, "|rate:1k/s");
	good(many, NULL, "rate:1k/s | rate:1k/s | rate:1k/s | rate:1k/s | "
	    "rate:1k/s | rate:1k/s | rate:1k/s | rate:1k/s | rate:1k/s | "
	    "rate:1k/s | rate:1k/s | rate:1k/s | rate:1k/s | rate:1k/s | "
	    "rate:1k/s | rate:1k/s");
	bad(many, "rate:1k/s", "a pipeline has at most 16 stages", "",
	    "divide the work between two relays");
}

/* Every stage with a syntax can be asked for; none crashes when bare. */
static void
every_stage(void)
{
	struct ipc_pipe_spec spec;
	struct ipc_error err;
	size_t i, named = 0;

	for (i = 0; ipc_stages[i] != NULL; i++) {
		const struct ipc_stage_ops *ops = ipc_stages[i];
		int rc = parse(&spec, &err, ops->name, NULL);

		ok(rc == 0 || rc == IPC_E_USAGE, "bare %s", ops->name);
		ok(rc == 0 || err.hint[0] != '\0', "%s helps", ops->name);
		ipc_pipe_spec_free(&spec);
		ok(ops->summary != NULL && ops->rank != 0 &&
		    ops->app_unit != 0 && ops->wire_unit != 0,
		    "%s is described", ops->name);
		if (ops->syntax == NULL)
			continue;
		named++;
		ok(strncmp(ops->syntax, ops->name, strlen(ops->name)) == 0,
		    "the syntax of %s begins with its name", ops->name);
	}
	ok(named >= 7, "%zu stages have a name", named);
}

int
main(void)
{
	grammar();
	keys();
	escapes();
	configs();
	commands();
	order();
	every_stage();
	return done();
}
