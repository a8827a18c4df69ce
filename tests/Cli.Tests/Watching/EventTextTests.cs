using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;

namespace Workflows.Cli.Tests.Watching;

/// <summary>Facts of a ledger as lines; their JSON is what a service of an earlier version sends, too.</summary>
public sealed class EventTextTests
{
    private const string Lease = """
        {"nodeName":"projects/p/locations/us-west4-a/nodes/wf-r-1","candidate":{"zone":"us-west4-a",
        "acceleratorType":"v5litepod-8","provisioning":"on-demand","runtimeVersion":"v","chips":8,"usdPerHour":4.5},
        "attempt":1}
        """;

    [Theory]
    [InlineData("stage", """{"runId":"r","stage":"prepare","detail":"cleaning"}""", "== prepare: cleaning", "blue")]
    [InlineData(
        "resumed",
        """
        {"part":2,"stoppedAs":"failed","failure":{"code":"BUDGET_EXHAUSTED","message":"m","fix":"f"},
        "stoppedAt":"2026-11-24T09:00:00Z","spentUsd":1.5,"step":41,
        "changes":[{"field":"budgetUsd","from":"1","to":"20"},{"field":"tpu.network","to":"\"n\""}]}
        """,
        "== part 2: the run had failed (BUDGET_EXHAUSTED) at 2026-11-24 09:00:00 after 41 steps and 1.5000 USD\n"
            + "            budgetUsd: 1 -> 20\n            tpu.network: none -> \"n\"", "blue")]
    [InlineData(
        "resumed",
        """{"part":3,"stoppedAs":"terminated","spentUsd":0,"step":0,"changes":[]}""",
        "== part 3: the run had been terminated after 0 steps and 0.0000 USD", "blue")]
    [InlineData(
        "found", """{"hasData":true,"checkpointStep":40,"isTrained":false,"isTranslated":false,"left":[]}""",
        "found       the checkpoint of step 40", "default")]
    [InlineData(
        "found",
        """
        {"hasData":false,"checkpointStep":0,"isTrained":false,"isTranslated":false,
        "left":["projects/p/locations/z/nodes/n"]}
        """,
        "found       no checkpoint: training begins at its first step; the corpus is prepared again; 1 node of earlier "
            + "parts: deleted now", "default")]
    [InlineData(
        "found", """{"hasData":true,"checkpointStep":40,"isTrained":true,"isTranslated":false,"left":[]}""",
        "found       the tuned model: it is not trained again", "default")]
    [InlineData(
        "found", """{"hasData":true,"checkpointStep":40,"isTrained":true,"isTranslated":true,"left":[]}""",
        "found       the tuned model and all translations: only the scores are left", "default")]
    [InlineData("intent", Lease, "attempt 1   us-west4-a: asking for v5litepod-8 (on-demand)", "default")]
    [InlineData(
        "attempt", $$"""{"runId":"r","lease":{{Lease}},"outcome":"ready","seconds":2.04}""",
        "attempt 1   us-west4-a: ready after 2.0 s", "green")]
    [InlineData(
        "attempt", $$"""{"runId":"r","lease":{{Lease}},"outcome":"cancelled","seconds":2}""",
        "attempt 1   us-west4-a: cancelled", "yellow")]
    [InlineData(
        "loss",
        """
        {"number":1,"zone":"z-a","cause":"PREEMPTED","lostSteps":4,"fromStep":50,"detectedAt":"2026-11-24T09:00:00Z"}
        """,
        "LOST        the TPU in z-a (PREEMPTED); 4 steps after the newest checkpoint", "yellow")]
    [InlineData(
        "model", """{"given":"hf://o/m","address":"hf://o/m@c","files":4,"bytes":2000000000}""",
        "model       hf://o/m@c, 4 files, 2.0 GB", "default")]
    [InlineData(
        "model-brought", """{"address":"gs://b/models/sha256-1","bytes":2500000,"seconds":1.26,"wasThere":false}""",
        "model       2.5 MB brought in 1.3 s to gs://b/models/sha256-1", "default")]
    [InlineData(
        "model-brought", """{"address":"gs://b/models/sha256-1","bytes":2500000,"seconds":1,"wasThere":true}""",
        "model       was there already: gs://b/models/sha256-1", "default")]
    [InlineData(
        "plan",
        """
        {"candidates":[{"zone":"z-a","acceleratorType":"v6e-1","provisioning":"spot","runtimeVersion":"v","chips":1,
        "usdPerHour":1.5}],"estimatedUsd":0.25,"estimatedSeconds":600,
        "transfer":{"from":"gs://x/m","bytes":2000000000,"copyUsd":0.04,"loadUsd":0.15}}
        """,
        "plan        1 place; about 600 s and 0.2500 USD at 1.50 USD an hour; the model, 2.0 GB, is copied to the "
            + "run's bucket unless it is there: egress 0.0400 USD, and 0.1500 USD for each node that loads it",
        "default")]
    [InlineData(
        "plan",
        """
        {"candidates":[{"zone":"z-a","acceleratorType":"v6e-1","provisioning":"spot","runtimeVersion":"v","chips":1,
        "usdPerHour":1.5}],"estimatedUsd":0.25,"estimatedSeconds":600,
        "time":{"rest":8,"train":1,"evaluate":1,"parameters":1,"trainTflops":0.1,"evaluateTflops":0.1,"testPairs":5,
        "basis":"The rate is a guess."}}
        """,
        "plan        1 place; about 600 s and 0.2500 USD at 1.50 USD an hour\n            -> The rate is a guess.",
        "default")]
    [InlineData(
        "plan",
        """
        {"candidates":[{"zone":"z-a","acceleratorType":"v6e-1","provisioning":"spot","runtimeVersion":"v","chips":1,
        "usdPerHour":1.5}],"estimatedUsd":0.25,"estimatedSeconds":600,
        "memory":[{"acceleratorType":"v6e-1","neededGib":3,"hasGib":31.25,"source":"compiled"},
        {"acceleratorType":"v4-8","neededGib":1.25,"source":"ir","why":"w"}]}
        """,
        "plan        1 place; about 600 s and 0.2500 USD at 1.50 USD an hour\n            v6e-1: 3.0 of 31.3 GiB a "
            + "chip (compiled)\n            v4-8: 1.3 of unknown GiB a chip (ir)",
        "default")]
    [InlineData(
        "queued",
        """
        {"nodeName":"projects/p/locations/z-a/nodes/wf-r-1","name":"projects/p/locations/z-a/queuedResources/wf-r-1",
        "until":"2026-11-24T09:00:00Z","maxRunSeconds":9000}
        """,
        "queued      z-a: waits for capacity until 2026-11-24 09:00:00Z; then the node lasts for 2.5 hours at most",
        "default")]
    [InlineData(
        "queued",
        """
        {"nodeName":"projects/p/locations/z-a/nodes/wf-r-1","name":"projects/p/locations/z-a/queuedResources/wf-r-1",
        "until":"2026-11-24T09:00:00Z"}
        """,
        "queued      z-a: waits for capacity until 2026-11-24 09:00:00Z", "default")]
    [InlineData(
        "recovered", """{"number":1,"kind":"train","seconds":12.34}""",
        "recovered   back at work after 12.3 s", "green")]
    [InlineData(
        "released", """{"nodeName":"projects/p/locations/z/nodes/wf-r-1","state":"NOT_FOUND"}""",
        "given back  wf-r-1: NOT_FOUND", "default")]
    [InlineData(
        "job-ended", """{"end":{"succeeded":false,"code":"C","message":"m"}}""", "job failed  C: m", "default")]
    public void Of_AFact_IsALineWithItsColour(string kind, string json, string line, string colour)
    {
        var fact = Fact(kind, json);

        Assert.Equal((line, colour), (EventText.Of(fact), EventText.ColorOf(fact)));
    }

    [Fact]
    public void Of_TextWithTerminalSequences_ShowsThemAsText()
    {
        var line = EventText.Of(Fact(
            "job-ended", """{"end":{"succeeded":false,"code":"C","message":"\u001b[2Jgone\u009b0m \u202edrow"}}"""));

        Assert.Equal(@"job failed  C: \u001b[2Jgone\u009b0m \u202edrow", line);
    }

    [Fact]
    public void RepeatKey_OfAPlaceThatIsNotAskedAgain_IsTheSameEachRound()
    {
        RunEvent Skip(int attempt) => Fact("attempt", $$$"""
            {"runId":"r","lease":{{{Lease.Replace("\"attempt\":1", $"\"attempt\":{attempt}")}}},"outcome":"skipped",
            "seconds":0,"refusal":{"code":"OUT_OF_CAPACITY","scope":"zone","rememberSeconds":60,
            "reason":"Refused lately","fix":"Wait."} }
            """);

        Assert.Equal(EventText.RepeatKey(Skip(1)), EventText.RepeatKey(Skip(7)));
        Assert.NotNull(EventText.RepeatKey(Skip(1)));
        Assert.Null(EventText.RepeatKey(Fact(
            "attempt", $$"""{"runId":"r","lease":{{Lease}},"outcome":"refused","seconds":2}""")));
    }

    [Theory]
    [InlineData("loss", "validated   step 10: loss 1.235")]
    [InlineData("chrf", "validated   step 10: chrF 1.23")]
    public void Of_AValidation_IsALine(string metric, string line) => Assert.Equal(
        line, EventText.Of(Fact("validation", $$"""{"step":10,"score":1.2345,"metric":"{{metric}}"}""")));

    [Theory]
    [InlineData("", "")]
    [InlineData(",\"passes\":20", ", 20.0 passes")]
    [InlineData(
        ",\"passes\":142.25",
        ", 142.3 passes\n            -> 142.3 passes over the training pairs: above 20 a model learns them by heart; "
            + "lower training.steps, or bring more pairs")]
    public void Of_TheCorpus_ShowsThePassesOverItAndWarnsOfTooMany(string passes, string end) => Assert.Equal(
        $"corpus      36 pairs to train, 4 to test{end}", EventText.Of(Fact("data", $$"""
            {"trainUri":"a","testUri":"b","trainPairs":36,"testPairs":4,"dropped":{}{{passes}}}
            """)));

    [Fact]
    public void Of_ARefusal_ShowsCodeReasonAndFix()
    {
        var text = EventText.Of(Fact("attempt", $$"""
            {"runId":"r","lease":{{Lease}},"outcome":"refused","seconds":1,"refusal":{"code":"QUOTA_EXHAUSTED",
            "scope":"region","rememberSeconds":60,"reason":"Quota exhausted","fix":"Ask for more."} }
            """));

        Assert.Equal(
            "attempt 1   us-west4-a: refused, QUOTA_EXHAUSTED: Quota exhausted\n            -> Ask for more.", text);
    }

    [Fact]
    public void Of_ATrainingThatEnded_ShowsItsLoss()
    {
        var end = new EndFact(new JobEnd(true, null, null), new TrainFact(9, 0, 90, 5, 4, 1.5, 60, 2));
        var fact = new RunEvent(
            1, default, LedgerKinds.JobEnded, "train@n", JsonSerializer.SerializeToElement(end, RunLedger.Json));

        Assert.Equal("trained     9 steps, loss 4.000 to 1.500 (mean of the last steps)", EventText.Of(fact));
    }

    [Theory]
    [InlineData("revoked")]
    [InlineData("announced")]
    [InlineData("job")]
    [InlineData("something-new")]
    public void Of_AFactOfNoInterest_IsNothing(string kind) => Assert.Null(EventText.Of(Fact(kind, "{}")));

    private static RunEvent Fact(string kind, string json)
    {
        using var document = JsonDocument.Parse(json);
        return new RunEvent(1, default, kind, "key", document.RootElement.Clone());
    }
}
