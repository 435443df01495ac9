package cx

import "github.com/go-json-experiment/json/jsontext"

// UnmarshalJSONFrom reads the request's members one by one: only so is it known
// how many of the query's were there, and it saves the decoder's reflection.
func (r *Request) UnmarshalJSONFrom(dec *jsontext.Decoder) error { return r.read(source{Decoder: dec}) }

func (r *Request) read(dec source) error {
	if dec.PeekKind() == 'n' {
		return refuse(dec.Decoder, "want an object")
	}
	query := ""
	return decodeObject(dec, func(name []byte) error {
		switch string(name) {
		case "detectIntentResponseId":
			return readText(dec, &r.DetectIntentResponseID)
		case "text":
			return oneof(dec, &query, "text", &r.Text, readText)
		case "triggerIntent":
			return oneof(dec, &query, "triggerIntent", &r.TriggerIntent, readText)
		case "transcript":
			return oneof(dec, &query, "transcript", &r.Transcript, readText)
		case "triggerEvent":
			return oneof(dec, &query, "triggerEvent", &r.TriggerEvent, readText)
		case "dtmfDigits":
			return oneof(dec, &query, "dtmfDigits", &r.DTMFDigits, readText)
		case "languageCode":
			return readText(dec, &r.LanguageCode)
		case "fulfillmentInfo":
			return readFulfillmentInfo(dec, &r.FulfillmentInfo)
		case "intentInfo":
			return readPointer(dec, &r.IntentInfo, readIntentInfo)
		case "pageInfo":
			return readPageInfo(dec, &r.PageInfo)
		case "sessionInfo":
			return readSessionInfo(dec, &r.SessionInfo)
		case "messages":
			return readList(dec, &r.Messages, readMessage)
		case "payload":
			return readStruct(dec, &r.Payload)
		case "sentimentAnalysisResult":
			return readAny(dec, &r.SentimentAnalysisResult)
		case "languageInfo":
			return readAny(dec, &r.LanguageInfo)
		default:
			return dec.SkipValue()
		}
	})
}

func readFulfillmentInfo(dec source, f *FulfillmentInfo) error {
	return decodeObject(dec, func(name []byte) error {
		if string(name) == "tag" {
			return readText(dec, &f.Tag)
		}
		return dec.SkipValue()
	})
}

func readIntentInfo(dec source, i *IntentInfo) error {
	return decodeObject(dec, func(name []byte) error {
		switch string(name) {
		case "lastMatchedIntent":
			return readText(dec, &i.LastMatchedIntent)
		case "displayName":
			return readText(dec, &i.DisplayName)
		case "parameters":
			return readMap(dec, &i.Parameters, nextIntentParameter)
		case "confidence":
			return readAny(dec, &i.Confidence)
		default:
			return dec.SkipValue()
		}
	})
}

func nextIntentParameter(dec source) (p IntentParameterValue, err error) {
	err = decodeObject(dec, func(name []byte) error {
		switch string(name) {
		case "originalValue":
			return readText(dec, &p.OriginalValue)
		case "resolvedValue":
			return readValue(dec, &p.ResolvedValue)
		default:
			return dec.SkipValue()
		}
	})
	return p, err
}

func readPageInfo(dec source, p *PageInfo) error {
	return decodeObject(dec, func(name []byte) error {
		switch string(name) {
		case "currentPage":
			return readText(dec, &p.CurrentPage)
		case "displayName":
			return readText(dec, &p.DisplayName)
		case "formInfo":
			return readFormInfo(dec, &p.FormInfo)
		default:
			return dec.SkipValue()
		}
	})
}

func readFormInfo(dec source, f *FormInfo) error {
	return decodeObject(dec, func(name []byte) error {
		if string(name) == "parameterInfo" {
			return readList(dec, &f.ParameterInfo, readParameterInfo)
		}
		return dec.SkipValue()
	})
}

func readParameterInfo(dec source, p *ParameterInfo) error {
	return decodeObject(dec, func(name []byte) error {
		switch string(name) {
		case "displayName":
			return readText(dec, &p.DisplayName)
		case "required":
			return readAny(dec, &p.Required)
		case "state":
			return readText(dec, &p.State)
		case "value":
			return readValue(dec, &p.Value)
		case "justCollected":
			return readAny(dec, &p.JustCollected)
		default:
			return dec.SkipValue()
		}
	})
}

func readSessionInfo(dec source, s *SessionInfo) error {
	return decodeObject(dec, func(name []byte) error {
		switch string(name) {
		case "session":
			return readText(dec, &s.Session)
		case "parameters":
			return readMap(dec, &s.Parameters, nextValue)
		default:
			return dec.SkipValue()
		}
	})
}
