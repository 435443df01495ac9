package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"cloud.google.com/go/monitoring/dashboard/apiv1/dashboardpb"
	metricpb "google.golang.org/genproto/googleapis/api/metric"
	"google.golang.org/protobuf/proto"

	"example.com/cxhook/internal/conformance/strict"
)

const monitoring = "../../deploy/monitoring"

// decodeAll decodes every file of a folder into a message of its own.
func decodeAll[M proto.Message](t *testing.T, folder string, empty M) map[string]M {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(monitoring, folder, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no file in %s: %v", folder, err)
	}
	all := map[string]M{}
	for _, file := range files {
		name, ok := strings.CutSuffix(filepath.Base(file), ".json")
		if !ok {
			t.Errorf("%s: want .json", file)
		}
		doc, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := empty.ProtoReflect().New().Interface().(M)
		if err := strict.Unmarshal(file, doc, m); err != nil {
			t.Error(err)
		}
		all[name] = m
	}
	return all
}

// logEntries are the lines that the function writes, by their names in
// testdata/lines (the root's tests hold them to the code), as Cloud Logging has
// them: a field's path to its value.
func logEntries(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob("../../testdata/lines/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d lines: %v", len(files), err)
	}
	all := map[string]map[string]any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fields := map[string]any{"resource.type": "cloud_run_revision"} // Cloud Run's own
		for name, value := range lineOf(t, string(text)) {
			switch name {
			case "severity":
				fields[name] = value
			case "httpRequest":
				flatten(name, value, fields)
			case "logging.googleapis.com/labels":
				flatten("labels", value, fields)
			default:
				if !strings.HasPrefix(name, "logging.googleapis.com/") && name != "time" {
					flatten("jsonPayload."+name, value, fields)
				}
			}
		}
		all[filepath.Base(file)] = fields
	}
	return all
}

func flatten(path string, value any, into map[string]any) {
	into[path] = value
	if object, ok := value.(map[string]any); ok {
		for name, value := range object {
			flatten(path+"."+name, value, into)
		}
	}
}

// term is one of the comparisons that a filter joins by AND.
var term = regexp.MustCompile(`^([a-zA-Z_.]+)(=|!=|:)("[^"]*"|\*|\("[^"]*"(?: OR "[^"]*")*\)|monitoring\.regex\.full_match\("[^"]*"\))$`)

var quoted = regexp.MustCompile(`"([^"]*)"`)

// parseFilter takes a filter apart: field, operator, values.
func parseFilter(t *testing.T, filter string) (list [][3]string) {
	t.Helper()
	for text := range strings.SplitSeq(filter, " AND ") {
		m := term.FindStringSubmatch(text)
		if m == nil {
			t.Errorf("%q in the filter %q: the test does not understand it", text, filter)
			continue
		}
		list = append(list, [3]string(m[1:]))
	}
	return list
}

// matching gives the lines that a filter of Cloud Logging selects; there must be
// some, and of every value that it names.
func matching(t *testing.T, filter string, entries map[string]map[string]any) (names []string) {
	t.Helper()
	names = slices.Sorted(maps.Keys(entries))
	for _, c := range parseFilter(t, filter) {
		field, values := c[0], quoted.FindAllStringSubmatch(c[2], -1)
		for _, v := range values {
			if !slices.ContainsFunc(slices.Collect(maps.Values(entries)), func(e map[string]any) bool { return fmt.Sprint(e[field]) == v[1] }) {
				t.Errorf("no line has %s=%q", field, v[1])
			}
		}
		names = slices.DeleteFunc(names, func(name string) bool {
			value, ok := entries[name][field]
			if c[1] == ":" && c[2] == "*" {
				return !ok
			}
			return !slices.ContainsFunc(values, func(v []string) bool { return fmt.Sprint(value) == v[1] })
		})
	}
	if len(names) == 0 {
		t.Errorf("the filter %q selects none of the function's lines", filter)
	}
	return names
}

var extractor = regexp.MustCompile(`^EXTRACT\(([a-zA-Z_.]+)\)$`)

// extracted gives what an extractor finds in the lines; it must find something.
func extracted(t *testing.T, expression string, names []string, entries map[string]map[string]any) (values []any) {
	t.Helper()
	m := extractor.FindStringSubmatch(expression)
	if m == nil {
		t.Fatalf("%q: the test does not understand it", expression)
	}
	for _, name := range names {
		if value, ok := entries[name][m[1]]; ok {
			values = append(values, value)
		}
	}
	if len(values) == 0 {
		t.Errorf("%s: none of the lines has it", expression)
	}
	return values
}

// TestMetrics: every metric definition is one for the Logging API, and counts what
// the function writes.
func TestMetrics(t *testing.T) {
	entries := logEntries(t)
	for name, m := range decodeAll(t, "metrics", new(loggingpb.LogMetric)) {
		t.Run(name, func(t *testing.T) {
			if m.Name != name || m.Description == "" {
				t.Errorf("name %q, description %q", m.Name, m.Description)
			}
			names := matching(t, m.Filter, entries)
			d := m.MetricDescriptor
			if d.GetMetricKind() != metricpb.MetricDescriptor_DELTA {
				t.Errorf("kind %v", d.GetMetricKind())
			}
			switch d.GetValueType() {
			case metricpb.MetricDescriptor_INT64:
				if m.ValueExtractor != "" || m.BucketOptions != nil {
					t.Error("a counter has neither value nor buckets")
				}
			case metricpb.MetricDescriptor_DISTRIBUTION:
				for _, value := range extracted(t, m.ValueExtractor, names, entries) {
					if _, ok := value.(float64); !ok {
						t.Errorf("%s is %v, not a number", m.ValueExtractor, value)
					}
				}
				if bounds := m.BucketOptions.GetExplicitBuckets().GetBounds(); len(bounds) < 2 || !slices.IsSorted(bounds) || len(slices.Compact(slices.Clone(bounds))) != len(bounds) {
					t.Errorf("bounds %v", bounds)
				}
			default:
				t.Errorf("value type %v", d.GetValueType())
			}
			var keys []string
			for _, label := range d.Labels {
				keys = append(keys, label.Key)
				for _, value := range extracted(t, m.LabelExtractors[label.Key], names, entries) {
					ok := true
					switch label.ValueType.String() {
					case "BOOL":
						_, ok = value.(bool)
					case "INT64":
						_, ok = value.(float64)
					default:
						_, ok = value.(string)
					}
					if !ok {
						t.Errorf("label %s is %v, want %v", label.Key, value, label.ValueType)
					}
				}
			}
			slices.Sort(keys)
			if want := slices.Sorted(maps.Keys(m.LabelExtractors)); !slices.Equal(keys, want) || len(keys) > 10 {
				t.Errorf("labels %q, extractors %q", keys, want)
			}
		})
	}
}

// metricUse checks a filter of Cloud Monitoring, and what is grouped by, against the
// metric that it names, and gives that.
func metricUse(t *testing.T, filter string, groupBy []string, metrics map[string]*loggingpb.LogMetric, words map[string]bool) (name string) {
	t.Helper()
	labels := slices.Clone(groupBy)
	resource := ""
	for _, c := range parseFilter(t, filter) {
		switch c[0] {
		case "metric.type":
			name = strings.TrimPrefix(strings.Trim(c[2], `"`), "logging.googleapis.com/user/")
		case "resource.type":
			resource = strings.Trim(c[2], `"`)
		default:
			labels = append(labels, c[0])
			for _, word := range regexp.MustCompile(`[a-z_]{3,}`).FindAllString(strings.Join(quoted.FindStringSubmatch(c[2]), " "), -1) {
				if !words[word] {
					t.Errorf("%q in %q is no reason that docs/operations.md knows", word, filter)
				}
			}
		}
	}
	m := metrics[name]
	if m == nil || resource != "cloud_run_revision" {
		t.Fatalf("%q: no metric of ours, or of another resource than Cloud Run's", filter)
	}
	for _, label := range labels {
		key, of := strings.CutPrefix(label, "metric.labels.")
		if of && m.LabelExtractors[key] == "" || !of && label != "resource.labels.service_name" {
			t.Errorf("%s has no %s", name, label)
		}
	}
	return name
}

// reasons are those that docs/operations.md lists; a test of the root holds them to
// the code.
func reasons(t *testing.T) map[string]bool {
	t.Helper()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		words[m[1]] = true
	}
	if len(words) < 80 {
		t.Fatalf("%d reasons: they are not found any more", len(words))
	}
	return words
}

// TestAlerts: every alert is one for the Monitoring API, on metrics and labels that
// are defined here, or on lines that the function writes.
func TestAlerts(t *testing.T) {
	entries, metrics, words := logEntries(t), decodeAll(t, "metrics", new(loggingpb.LogMetric)), reasons(t)
	// The line of a start that failed is not among the golden ones: its text is the
	// configuration's. This is what it has.
	entries["start-failed"] = map[string]any{"resource.type": "cloud_run_revision", "labels.cxhook": "start", "severity": "CRITICAL"}
	titles := map[string]bool{}
	for name, p := range decodeAll(t, "alerts", new(monitoringpb.AlertPolicy)) {
		t.Run(name, func(t *testing.T) {
			if titles[p.DisplayName] || p.DisplayName == "" || len(p.Documentation.GetContent()) < 80 || p.Severity == 0 || p.Combiner != monitoringpb.AlertPolicy_OR {
				t.Errorf("title, documentation, severity or combiner: %q", p.DisplayName)
			}
			titles[p.DisplayName] = true
			if p.Name != "" || len(p.NotificationChannels) > 0 {
				t.Error("names and channels are the project's")
			}
			for _, c := range p.Conditions {
				if l := c.GetConditionMatchedLog(); l != nil {
					matching(t, l.Filter, entries)
					if p.AlertStrategy.GetNotificationRateLimit() == nil || len(p.Conditions) != 1 {
						t.Error("an alert on lines stands alone, and has a rate limit")
					}
					continue
				}
				th := c.GetConditionThreshold()
				if th == nil || len(th.Aggregations) != 1 || th.Duration.GetSeconds()%60 != 0 {
					t.Fatalf("%s: want a threshold with one aggregation, and a duration of whole minutes", c.DisplayName)
				}
				used := metricUse(t, th.Filter, th.Aggregations[0].GroupByFields, metrics, words)
				if th.DenominatorFilter != "" {
					d := th.DenominatorAggregations[0]
					metricUse(t, th.DenominatorFilter, d.GroupByFields, metrics, words)
					if d.AlignmentPeriod.GetSeconds() != th.Aggregations[0].AlignmentPeriod.GetSeconds() {
						t.Error("both sides of a ratio have one alignment period")
					}
				}
				// The percentile of a distribution is known to a bucket, no better.
				if bounds := metrics[used].BucketOptions.GetExplicitBuckets().GetBounds(); bounds != nil && !slices.Contains(bounds, th.ThresholdValue) {
					t.Errorf("%v is not a bound of the buckets of %s", th.ThresholdValue, used)
				}
			}
		})
	}
}

// TestDashboard: the dashboard is one for the Monitoring API, and shows every
// metric.
func TestDashboard(t *testing.T) {
	metrics, words := decodeAll(t, "metrics", new(loggingpb.LogMetric)), reasons(t)
	shown := map[string]bool{}
	legend := regexp.MustCompile(`\$\{(metric\.labels\.[a-z_]+)\}`)
	for name, d := range decodeAll(t, "dashboard", new(dashboardpb.Dashboard)) {
		if d.DisplayName != name || d.Name != "" {
			t.Errorf("title %q, name %q of %s", d.DisplayName, d.Name, name)
		}
		for _, w := range d.GetGridLayout().Widgets {
			if w.Title == "" || len(w.GetXyChart().GetDataSets()) == 0 {
				t.Errorf("a chart without title or data: %v", w)
			}
			for _, set := range w.GetXyChart().DataSets {
				f := set.TimeSeriesQuery.GetTimeSeriesFilter()
				groupBy := f.GetAggregation().GetGroupByFields()
				shown[metricUse(t, f.GetFilter(), groupBy, metrics, words)] = true
				for _, m := range legend.FindAllStringSubmatch(set.LegendTemplate, -1) {
					if !slices.Contains(groupBy, m[1]) {
						t.Errorf("%s: the legend names %s, which is not grouped by", w.Title, m[1])
					}
				}
			}
		}
	}
	for name := range metrics {
		if !shown[name] {
			t.Errorf("%s is not shown", name)
		}
	}
}

// The files are as a program writes them, so that a difference is a difference.
func TestMonitoringFormat(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(monitoring, "*", "*.json"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		doc, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(doc) || !strings.HasPrefix(string(doc), "{\n  \"") || !strings.HasSuffix(string(doc), "\n}\n") {
			t.Errorf("%s: want JSON, indented by two", file)
		}
	}
}

// The operator finds every metric and alert in docs/operations.md.
func TestMonitoringDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Concat(slices.Collect(maps.Keys(decodeAll(t, "metrics", new(loggingpb.LogMetric)))), slices.Collect(maps.Keys(decodeAll(t, "alerts", new(monitoringpb.AlertPolicy)))))
	for _, name := range names {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/operations.md does not name %s", name)
		}
	}
}
