/*
 * XML of any vocabulary to events, for opts.generic:
 *
 *	<e>text</e>		"text"; of an empty element ""
 *	<e a="v">..</e>		{ "@a": "v", ... }, attributes first
 *	<e><f/><g/><f/></e>	{ "f": ["", ""], "g": "" }: a name is one
 *				member, an array where it occurs again
 *	text beside these	"#text": all of it, if not only white space
 *	the document		{ "e": ... }
 *
 * Names stay as they are written, with their prefixes, and name space
 * declarations are attributes.  No number, boolean or null is guessed.
 * Comments, processing instructions and the place of an element among those
 * of other names are lost, so there is no way back.  A root in the name space
 * of json-to-xml is left to xml_read.c.
 *
 * Members of one name need not be neighbours, so the document becomes a tree
 * first: the one reader whose memory is not O(depth).  It is limited to
 * TREE_MAX times the output limit.
 */
#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "codec/codec.h"
#include "codec/xml.h"

#define NONE UINT32_MAX
#define TREE_MAX 4
#define KEEP 4096		/* nodes kept between documents */

enum kind { ELEMENT, ATTRIBUTE, TEXT };

/* name and text are ranges of tree.text, the others are indices. */
struct ipc_xml_node {
	uint32_t name, name_len;
	uint32_t text, text_len;	/* ATTRIBUTE, TEXT */
	uint32_t at;			/* offset in the document */
	uint32_t parent, next, first, last;
	uint32_t head;		/* the first one of this name, or itself */
	uint32_t same;		/* the next one of this name */
	uint8_t	kind;
};

/* --- the tree --- */

static int
put_bytes(struct ipc_codec *c, const char *s, size_t n)
{
	struct ipc_buf *b = &c->rd->tree.text;
	uint8_t *to = ipc_codec_grow(c, b, n);

	if (to == NULL)
		return c->err->code;
	memcpy(to, s, n);
	b->len += n;
	return 0;
}

static int
more_nodes(struct ipc_codec *c)
{
	struct ipc_xml_tree *t = &c->rd->tree;
	uint64_t most = (uint64_t)c->opts.max_out * TREE_MAX /
	    sizeof(*t->node) + 2;
	uint32_t cap = t->cap > 0 ? t->cap * 2 : 64;
	struct ipc_xml_node *node;

	if (t->n >= most)
		return ipc_codec_refuse(c, "more than %ju elements and"
		    " attributes, for a limit of %u bytes", (uintmax_t)most,
		    c->opts.max_out);
	node = reallocarray(t->node, cap, sizeof(*node));
	if (node == NULL)
		return ipc_codec_no_memory(c);
	t->node = node;
	t->cap = cap;
	return 0;
}

/* A last child of tree.current; *n is its index. */
static int
add(struct ipc_codec *c, enum kind kind, uint32_t *n)
{
	struct ipc_xml_tree *t = &c->rd->tree;
	struct ipc_xml_node *new, *parent;

	if (t->n == t->cap && more_nodes(c) != 0)
		return c->err->code;
	*n = t->n++;
	new = &t->node[*n];
	memset(new, 0, sizeof(*new));
	new->kind = (uint8_t)kind;
	new->at = (uint32_t)c->at;
	new->parent = t->current;
	new->next = new->first = new->last = new->same = NONE;
	new->head = *n;
	if (t->current == NONE)
		return 0;
	parent = &t->node[t->current];
	if (parent->first == NONE)
		parent->first = *n;
	else
		t->node[parent->last].next = *n;
	parent->last = *n;
	return 0;
}

static int
set_name(struct ipc_codec *c, uint32_t n, const char *sign, const char *name)
{
	struct ipc_xml_tree *t = &c->rd->tree;
	size_t start = t->text.len;
	int rc;

	if ((rc = put_bytes(c, sign, strlen(sign))) != 0 ||
	    (rc = put_bytes(c, name, strlen(name))) != 0)
		return rc;
	t->node[n].name = (uint32_t)start;
	t->node[n].name_len = (uint32_t)(t->text.len - start);
	return 0;
}

static int
add_attribute(struct ipc_codec *c, const char *name, const char *value)
{
	struct ipc_xml_tree *t = &c->rd->tree;
	uint32_t n;
	int rc;

	if ((rc = add(c, ATTRIBUTE, &n)) != 0 ||
	    (rc = set_name(c, n, "@", name)) != 0)
		return rc;
	t->node[n].text = (uint32_t)t->text.len;
	t->node[n].text_len = (uint32_t)strlen(value);
	return put_bytes(c, value, strlen(value));
}

static int
add_element(struct ipc_codec *c, const char *name, const char **attrs)
{
	struct ipc_xml_tree *t = &c->rd->tree;
	uint32_t n;
	int rc;

	if (t->depth >= c->opts.depth)
		return ipc_codec_refuse(c, "nested deeper than %u",
		    c->opts.depth);
	if ((rc = add(c, ELEMENT, &n)) != 0 ||
	    (rc = set_name(c, n, "", name)) != 0)
		return rc;
	t->current = n;
	t->depth++;
	for (; rc == 0 && *attrs != NULL; attrs += 2)
		rc = add_attribute(c, attrs[0], attrs[1]);
	return rc;
}

static int
add_text(struct ipc_codec *c, const char *s, size_t len)
{
	struct ipc_xml_tree *t = &c->rd->tree;
	uint32_t n = t->node[t->current].last;
	struct ipc_xml_node *last = n != NONE ? &t->node[n] : NULL;
	int rc;

	/* It comes in pieces: a run of them is one. */
	if (last == NULL || last->kind != TEXT ||
	    last->text + last->text_len != t->text.len) {
		if ((rc = add(c, TEXT, &n)) != 0)
			return rc;
		t->node[n].text = (uint32_t)t->text.len;
	}
	t->node[n].text_len += (uint32_t)len;
	return put_bytes(c, s, len);
}

/* --- what expat calls --- */

/* Is this root, whose name is as written, in the name space of json-to-xml? */
static bool
is_json_to_xml(const char *name, const char **attrs)
{
	const char *colon = strchr(name, ':');
	size_t n = colon != NULL ? (size_t)(colon - name) : 0;

	for (; *attrs != NULL; attrs += 2) {
		const char *a = attrs[0];

		if (strncmp(a, "xmlns", 5) != 0 ||
		    strcmp(attrs[1], IPC_XML_NS) != 0)
			continue;
		if (n == 0 ? a[5] == '\0' : a[5] == ':' &&
		    strncmp(a + 6, name, n) == 0 && a[6 + n] == '\0')
			return true;
	}
	return false;
}

static void XMLCALL
on_start(void *user, const XML_Char *name, const XML_Char **attrs)
{
	struct ipc_codec *c = user;
	struct ipc_xml_tree *t = &c->rd->tree;

	if (c->rd->rc != 0 || t->other)
		return;
	ipc_xml_set_at(c);
	if (t->n == 0 && is_json_to_xml(name, attrs)) {
		t->other = true;
		XML_StopParser(c->rd->parser, XML_FALSE);
		return;
	}
	ipc_xml_stop(c, add_element(c, name, attrs));
}

static void XMLCALL
on_end(void *user, const XML_Char *name)
{
	struct ipc_codec *c = user;
	struct ipc_xml_tree *t = &c->rd->tree;

	(void)name;
	if (c->rd->rc != 0 || t->other)
		return;
	t->current = t->node[t->current].parent;
	t->depth--;
}

static void XMLCALL
on_text(void *user, const XML_Char *s, int len)
{
	struct ipc_codec *c = user;

	if (c->rd->rc == 0 && !c->rd->tree.other)
		ipc_xml_stop(c, add_text(c, s, (size_t)len));
}

/* --- members of one name --- */

static int
by_name(const void *a, const void *b, void *tree)
{
	const struct ipc_xml_tree *t = tree;
	uint32_t i, j;
	int r;

	memcpy(&i, a, sizeof(i));
	memcpy(&j, b, sizeof(j));
	r = ipc_keys_bytewise(t->text.p + t->node[i].name,
	    t->node[i].name_len, t->text.p + t->node[j].name,
	    t->node[j].name_len);
	return r != 0 ? r : (i > j) - (i < j);
}

static bool
same_name(const struct ipc_xml_tree *t, uint32_t i, uint32_t j)
{
	const struct ipc_xml_node *a = &t->node[i], *b = &t->node[j];

	return a->name_len == b->name_len && memcmp(t->text.p + a->name,
	    t->text.p + b->name, a->name_len) == 0;
}

/* Link the elements in n that have one name. */
static int
group(struct ipc_codec *c, uint32_t n)
{
	struct ipc_xml_tree *t = &c->rd->tree;
	uint32_t count = 0, *v;

	v = (uint32_t *)(void *)t->order.p;
	for (uint32_t i = t->node[n].first; i != NONE; i = t->node[i].next) {
		if (t->node[i].kind != ELEMENT)
			continue;
		t->order.len = count * sizeof(*v);
		if (ipc_codec_grow(c, &t->order, sizeof(*v)) == NULL)
			return c->err->code;
		v = (uint32_t *)(void *)t->order.p;
		v[count++] = i;
	}
	if (count < 2)
		return 0;
	qsort_r(v, count, sizeof(*v), by_name, t);
	for (uint32_t k = 1; k < count; k++)
		if (same_name(t, v[k - 1], v[k])) {
			t->node[v[k - 1]].same = v[k];
			t->node[v[k]].head = t->node[v[k - 1]].head;
		}
	return 0;
}

/* The member behind this one, or NONE. */
static uint32_t
next_member(const struct ipc_xml_tree *t, uint32_t n)
{
	for (n = t->node[n].next; n != NONE; n = t->node[n].next)
		if (t->node[n].kind != TEXT && t->node[n].head == n)
			break;
	return n;
}

/* --- events --- */

/* All text in n, in c->scratch. */
static int
gather(struct ipc_codec *c, uint32_t n)
{
	const struct ipc_xml_tree *t = &c->rd->tree;
	struct ipc_buf *b = &c->scratch;

	b->len = 0;
	if (ipc_codec_grow(c, b, 1) == NULL)
		return c->err->code;
	for (uint32_t i = t->node[n].first; i != NONE; i = t->node[i].next) {
		const struct ipc_xml_node *x = &t->node[i];
		uint8_t *to;

		if (x->kind != TEXT)
			continue;
		if ((to = ipc_codec_grow(c, b, x->text_len)) == NULL)
			return c->err->code;
		memcpy(to, t->text.p + x->text, x->text_len);
		b->len += x->text_len;
	}
	return 0;
}

static bool
is_blank(const struct ipc_buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (memchr(" \t\r\n", b->p[i], 4) == NULL)
			return false;
	return true;
}

/* Behind the last member of n, which is no leaf. */
static int
end_map(struct ipc_codec *c, uint32_t n)
{
	int rc = gather(c, n);

	c->at = c->rd->tree.node[n].at;
	if (rc == 0 && !is_blank(&c->scratch)) {
		rc = c->on->text(c, (const uint8_t *)"#text", 5);
		if (rc == 0)
			rc = c->on->text(c, c->scratch.p, c->scratch.len);
	}
	return rc != 0 ? rc : c->on->end(c);
}

/* The key of n, and as far as its value goes: *inside is its first member, or
 * NONE when it is complete. */
static int
begin(struct ipc_codec *c, uint32_t n, uint32_t *inside)
{
	const struct ipc_xml_tree *t = &c->rd->tree;
	const struct ipc_xml_node *x = &t->node[n];
	int rc = 0;

	c->at = x->at;
	*inside = NONE;
	if (x->head == n)
		rc = c->on->text(c, t->text.p + x->name, x->name_len);
	if (rc == 0 && x->head == n && x->same != NONE)
		rc = c->on->begin_array(c, IPC_COUNT_UNKNOWN);
	if (rc != 0)
		return rc;
	if (x->kind == ATTRIBUTE)
		return c->on->text(c, t->text.p + x->text, x->text_len);
	*inside = x->first;
	if (x->first != NONE && t->node[x->first].kind == TEXT)
		*inside = next_member(t, x->first);
	if (*inside == NONE) {
		rc = gather(c, n);
		return rc != 0 ? rc : c->on->text(c, c->scratch.p,
		    c->scratch.len);
	}
	rc = group(c, n);
	return rc != 0 ? rc : c->on->begin_map(c, IPC_COUNT_UNKNOWN);
}

/* *n is complete: end what ends with it; *n: what comes next, or NONE. */
static int
finish(struct ipc_codec *c, uint32_t *n)
{
	const struct ipc_xml_tree *t = &c->rd->tree;

	for (;;) {
		const struct ipc_xml_node *x = &t->node[*n];
		uint32_t parent = x->parent, next;
		int rc = 0;

		if (x->same != NONE) {
			*n = x->same;
			return 0;
		}
		if (x->head != *n)
			rc = c->on->end(c);
		next = next_member(t, x->head);
		if (rc != 0 || next != NONE || parent == NONE) {
			*n = next;
			return rc;
		}
		if ((rc = end_map(c, parent)) != 0)
			return rc;
		*n = parent;
	}
}

static int
emit(struct ipc_codec *c)
{
	uint32_t n = 0, inside;
	int rc;

	c->at = c->rd->tree.node[0].at;
	rc = c->on->begin_map(c, IPC_COUNT_UNKNOWN);
	while (rc == 0 && n != NONE) {
		rc = begin(c, n, &inside);
		if (rc == 0 && inside == NONE)
			rc = finish(c, &n);
		else
			n = inside;
	}
	return rc != 0 ? rc : c->on->end(c);
}

/* --- for xml_read.c --- */

int
ipc_xml_generic(struct ipc_codec *c, const uint8_t *p, size_t n, bool *other)
{
	struct ipc_xml_tree *t = &c->rd->tree;
	int rc;

	t->n = t->depth = 0;
	t->current = NONE;
	t->other = false;
	t->text.len = 0;
	rc = ipc_xml_prepare(c, &t->parser, false);
	if (rc != 0)
		return rc;
	XML_SetElementHandler(t->parser, on_start, on_end);
	XML_SetCharacterDataHandler(t->parser, on_text);
	rc = ipc_xml_parse(c, p, n);
	*other = t->other;
	if (rc == 0 && !t->other)
		rc = emit(c);
	if (t->cap > KEEP)
		ipc_xml_tree_free(t);
	return rc;
}

void
ipc_xml_tree_free(struct ipc_xml_tree *t)
{
	free(t->node);
	t->node = NULL;
	t->n = t->cap = 0;
	ipc_buf_free(&t->text);
	ipc_buf_free(&t->order);
}
