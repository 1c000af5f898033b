/* Between xml_read.c and xml_write.c only. */
#ifndef IPC_CODEC_XML_H
#define IPC_CODEC_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ipc_codec;
struct XML_ParserStruct;

#define IPC_XML_NS "http://www.w3.org/2005/xpath-functions"
#define IPC_XML_TYPES "urn:ipcat:types"

enum ipc_xml_leaf {
	IPC_XML_NONE, IPC_XML_STRING, IPC_XML_NUMBER, IPC_XML_BOOLEAN,
	IPC_XML_NULL, IPC_XML_ARRAY, IPC_XML_MAP
};

struct ipc_reader_state {
	struct XML_ParserStruct *parser; /* owned */
	int	rc;		/* first error */
	enum ipc_xml_leaf leaf;	/* STRING to NULL while one is open */
	bool	started, no_ns;
	bool	escaped, bytes;	/* of the leaf */
};

int ipc_xml_read(struct ipc_codec *c, const uint8_t *p, size_t n);
void ipc_xml_reset(struct ipc_codec *c);
void ipc_xml_free(struct ipc_codec *c);

#endif
