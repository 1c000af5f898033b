/* Between the xml_*.c only. */
#ifndef IPC_CODEC_XML_H
#define IPC_CODEC_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/codec.h"

struct XML_ParserStruct;

#define IPC_XML_NS "http://www.w3.org/2005/xpath-functions"
#define IPC_XML_TYPES "urn:ipcat:types"

enum ipc_xml_leaf {
	IPC_XML_NONE, IPC_XML_STRING, IPC_XML_NUMBER, IPC_XML_BOOLEAN,
	IPC_XML_NULL, IPC_XML_ARRAY, IPC_XML_MAP
};

struct ipc_xml_node;

/* xml_generic.c: a document of any vocabulary. */
struct ipc_xml_tree {
	struct XML_ParserStruct *parser; /* owned; names as they are written */
	struct ipc_xml_node *node;	/* owned; in document order */
	uint32_t n, cap;
	uint32_t current, depth;	/* the open element; open elements */
	struct ipc_buf text;		/* owned; names and text of nodes */
	struct ipc_buf order;		/* owned; scratch */
	bool	other;			/* the root is one of json-to-xml */
};

struct ipc_reader_state {
	struct XML_ParserStruct *names;	/* owned; with name spaces */
	struct XML_ParserStruct *parser; /* borrowed; the one that runs */
	struct ipc_xml_tree tree;
	int	rc;		/* first error */
	enum ipc_xml_leaf leaf;	/* STRING to NULL while one is open */
	bool	started, no_ns;
	bool	escaped, bytes;	/* of the leaf */
};

int ipc_xml_read(struct ipc_codec *c, const uint8_t *p, size_t n);
void ipc_xml_reset(struct ipc_codec *c);
void ipc_xml_free(struct ipc_codec *c);

/* Make or reset *parser, the one that runs from now on: it refuses a DOCTYPE,
 * and sets no other handler. */
int ipc_xml_prepare(struct ipc_codec *c, struct XML_ParserStruct **parser,
    bool spaces);
/* The document through it.  What ipc_xml_stop() stopped is no error here. */
int ipc_xml_parse(struct ipc_codec *c, const uint8_t *p, size_t n);
/* rc != 0 becomes the error of the document; returns rc. */
int ipc_xml_stop(struct ipc_codec *c, int rc);
void ipc_xml_set_at(struct ipc_codec *c);

/* xml_generic.c: *other: the document is json-to-xml, nothing was done. */
int ipc_xml_generic(struct ipc_codec *c, const uint8_t *p, size_t n,
    bool *other);
void ipc_xml_tree_free(struct ipc_xml_tree *t);

#endif
