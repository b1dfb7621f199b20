//! Answers that are none.

use super::*;

fn reader(format: Format) -> UpstreamReader {
    let request = request(Format::Responses, &json!({"model": "m", "input": "hi"}));
    ask(&request, format).write().reader
}

#[test]
fn an_error_in_the_place_of_an_answer_is_told_in_its_words() {
    let words = "the model crashed";
    for (format, name, data) in [
        (
            Format::Chat,
            None,
            json!({"error": {"message": words, "type": "server_error", "code": 500}}),
        ),
        (Format::Chat, None, json!({"error": words})),
        (
            Format::Chat,
            None,
            json!({"object": "error", "error": {"error": {"message": words}}}),
        ),
        (
            Format::Messages,
            Some("error"),
            json!({"type": "error", "error": {"type": "overloaded_error", "message": words}}),
        ),
        (
            Format::Responses,
            Some("error"),
            json!({"type": "error", "code": "server_error", "message": words}),
        ),
        (
            Format::Responses,
            Some("response.failed"),
            json!({"type": "response.failed", "response": {"status": "failed", "output": [],
                "error": {"code": "server_error", "message": words}}}),
        ),
    ] {
        let told = Err(AnswerError::Server(words.into()));
        assert_eq!(
            reader(format).event(name, &data.to_string()),
            told,
            "{data}"
        );
    }
    // With status 200, as a document.
    let body = json!({"error": {"message": words}}).to_string();
    for format in [Format::Chat, Format::Messages, Format::Responses] {
        let told = reader(format).document(body.as_bytes());
        assert_eq!(told, Err(AnswerError::Server(words.into())));
    }
}

#[test]
fn an_error_that_is_null_is_none() {
    let data = json!({"error": null, "choices": [{"index": 0, "delta": {"content": "hi"}}]});
    let pieces = reader(Format::Chat).event(None, &data.to_string());
    assert_eq!(pieces, Ok(vec![Piece::Text("hi".into())]));
}

#[test]
fn an_end_in_the_middle_is_a_fault() {
    let begun = [
        (
            Format::Chat,
            json!({"choices": [{"index": 0, "delta": {"content": "hal"}}]}),
        ),
        (
            Format::Messages,
            json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "text_delta", "text": "hal"}}),
        ),
        (
            Format::Responses,
            json!({"type": "response.output_text.delta", "output_index": 0, "delta": "hal"}),
        ),
    ];
    for (format, event) in begun {
        let mut reader = reader(format);
        let pieces = reader.event(event["type"].as_str(), &event.to_string());
        assert_eq!(pieces, Ok(vec![Piece::Text("hal".into())]));
        assert_eq!(reader.end(), Err(AnswerError::Incomplete));
        assert!(!reader.is_done());
    }
}

#[test]
fn nonsense_is_shown() {
    for nonsense in [
        "<html>Bad gateway</html>",
        "7",
        "[1]",
        "{\"a\":",
        "\u{1b}[31mred",
    ] {
        let fault = reader(Format::Chat).event(None, nonsense).unwrap_err();
        assert!(matches!(fault, AnswerError::Unreadable(_)), "{nonsense}");
        assert!(!fault.to_string().contains('\u{1b}'));
    }
    let document = reader(Format::Chat).document(b"{\"models\": []}");
    assert!(matches!(document, Err(AnswerError::Unreadable(_))));
    assert!(reader(Format::Chat).document(b"\xff\xfe").is_err());
}

#[test]
fn an_endless_answer_ends() {
    let lots = "x".repeat(1 << 20);
    for (format, event) in [
        (
            Format::Chat,
            json!({"choices": [{"index": 0, "delta": {"content": lots}}]}),
        ),
        (
            Format::Chat,
            json!({"choices": [{"index": 0, "delta": {"tool_calls": [
                {"index": 0, "function": {"name": "f", "arguments": lots}}]}}]}),
        ),
        (
            Format::Messages,
            json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "thinking_delta", "thinking": lots}}),
        ),
    ] {
        let mut reader = reader(format);
        let event = event.to_string();
        let read = (0..20).find_map(|_| reader.event(None, &event).err());
        assert_eq!(read, Some(AnswerError::TooLong));
    }
    // Many small calls are as bad.
    let mut reader = reader(Format::Chat);
    let calls: Vec<Value> = (0..100_000)
        .map(|index| json!({"index": index, "function": {"name": "f", "arguments": "{"}}))
        .collect();
    let event = json!({"choices": [{"index": 0, "delta": {"tool_calls": calls}}]}).to_string();
    assert_eq!(reader.event(None, &event).err(), Some(AnswerError::TooLong));
}

#[test]
fn the_words_of_an_http_error_are_found() {
    for (body, words) in [
        // OpenAI, llama.cpp, LM Studio, vLLM.
        (
            json!({"error": {"message": "no such model", "type": "x", "code": 404}}),
            "no such model",
        ),
        (
            json!({"error": "model 'x' not found"}),
            "model 'x' not found",
        ),
        (
            json!({"object": "error", "message": "too long", "code": 400}),
            "too long",
        ),
        // Anthropic.
        (
            json!({"type": "error", "error": {"type": "authentication_error",
                "message": "invalid x-api-key"}}),
            "invalid x-api-key",
        ),
        // FastAPI.
        (json!({"detail": "Not Found"}), "Not Found"),
        (
            json!({"detail": [{"loc": ["body", "model"], "msg": "field required", "type": "x"}]}),
            "field required",
        ),
        (
            json!({"detail": {"error": {"message": "bad key"}}}),
            "bad key",
        ),
        // Proxies hand on what they got.
        (
            json!({"error": {"message": "{\"error\": {\"message\": \"inner\"}}", "code": "400"}}),
            "inner",
        ),
        (
            json!({"error": {"code": "context_length_exceeded"}}),
            "context_length_exceeded",
        ),
    ] {
        let found = error_message(body.to_string().as_bytes());
        assert_eq!(found.as_deref(), Some(words), "{body}");
    }
    let page = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>";
    assert_eq!(error_message(page).as_deref(), Some("502 Bad Gateway"));
    assert_eq!(
        error_message(b"Unauthorized\n").as_deref(),
        Some("Unauthorized")
    );
    for nothing in ["", "{}", "  ", "{\"error\": {}}", "null", "<html></html>"] {
        assert_eq!(error_message(nothing.as_bytes()), None, "{nothing}");
    }
    let long = json!({"error": {"message": format!("\u{1b}[2J{}", "é".repeat(9_000))}});
    let shown = error_message(long.to_string().as_bytes()).unwrap();
    assert!(shown.chars().count() <= 501 && !shown.contains('\u{1b}'));
    let deep = format!("{}\"x\"{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(error_message(deep.as_bytes()), None);
}
