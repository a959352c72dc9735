//! A pure HTTP/1.1 codec on `httparse`: requests from bytes, answers into bytes.
