using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.Translation;

namespace Workflows.Activities.Tests.Reporting;

/// <summary>
/// Ledgers, reports and answers as earlier versions wrote them: they are read, and written the same.
/// </summary>
public sealed class FileFormTests : RunFolder
{
    private const string Place = """
        {"zone":"us-west4-a","acceleratorType":"v5litepod-8","provisioning":"on-demand","runtimeVersion":"v",
        "chips":8,"usdPerHour":4.5,"region":"us-west4"}
        """;

    private const string Lease = $$"""
        {"nodeName":"projects/p/locations/us-west4-a/nodes/wf-r-1","candidate":{{Place}},"attempt":1}
        """;

    private const string Verdict = """
        {"direction":"ko-en","finer":false,"bleuDelta":-1.5,"pValue":0.25,"testPairs":6,
        "base":{"bleu":10,"bleuSignature":"s","chrf":20,"chrfSignature":"c","hypotheses":"b.txt","warnings":{}},
        "tuned":{"bleu":8.5,"bleuSignature":"s","chrf":19,"chrfSignature":"c","hypotheses":"t.txt","warnings":{}},
        "examples":[],"outcome":"no significant difference","notes":[],"chrfDelta":-1}
        """;

    public static TheoryData<Type, string> Facts => new()
    {
        { typeof(StageInput), """{"runId":"r","stage":"prepare","detail":"d"}""" },
        { typeof(TpuLease), Lease },
        {
            typeof(AttemptEnd),
            $$"""
            {"runId":"r","lease":{{Lease}},"outcome":"skipped","refusal":{"code":"C","scope":"region",
            "rememberSeconds":60,"reason":"r","fix":"f"},"seconds":1.5}
            """
        },
        { typeof(NodeMoment), """{"nodeName":"projects/p/locations/z/nodes/n","state":"revoked"}""" },
        { typeof(RecoveryEnd), """{"number":1,"kind":"translate","seconds":2}""" },
        {
            typeof(RunOutcome),
            """{"status":"failed","reportUri":"/r","failure":{"code":"C","message":"m","fix":"f"}}"""
        },
        { typeof(EndFact), """{"end":{"succeeded":false,"code":"c","message":"m"}}""" },
        { typeof(EndFact), """{"end":{"succeeded":true},"moved":{"bytesRead":1,"bytesWritten":2}}""" },
        {
            typeof(EgressPlan),
            """
            {"bucket":"us","usdPerGib":{"us-west4":0.02},"expected":{"modelUsd":1,"corpusUsd":2,"checkpointUsd":3,
            "resultUsd":4,"totalUsd":10,"usdPerGib":0.02,"nodes":1.5,"modelBytes":5,"corpusBytes":6,
            "checkpointBytes":7,"checkpoints":8,"basis":"b"}}
            """
        },
        {
            typeof(AttemptRow),
            """
            {"attempt":1,"zone":"z","acceleratorType":"t","provisioning":"spot","outcome":"timeout","code":"C",
            "reason":"r","scope":"zone","fix":"f","seconds":1}
            """
        },
        { typeof(StageRow), """{"stage":"teardown","at":"2026-11-24T09:00:00+00:00","seconds":1}""" },
        {
            typeof(CostSection),
            """{"currency":"USD","estimated":1,"actual":0.5,"budget":10,"byStage":{"train":0.25,"evaluate":0.25}}"""
        },
    };

    [Theory]
    [MemberData(nameof(Facts))]
    public void Fact_OfAnOldFile_IsReadAndWrittenTheSame(Type type, string json)
    {
        var written = JsonSerializer.Serialize(JsonSerializer.Deserialize(json, type, RunLedger.Json), RunLedger.Json);

        Assert.True(
            JsonNode.DeepEquals(JsonNode.Parse(json), JsonNode.Parse(written)), $"{json}\nwas written as\n{written}");
    }

    [Fact]
    public void Verdict_OfAnOldFile_KeepsItsFieldsAndGainsItsSentence()
    {
        var verdict = JsonSerializer.Deserialize<VerdictSection>(Verdict, RunLedger.Json)!;

        var written = JsonSerializer.SerializeToNode(verdict, RunLedger.Json)!.AsObject();

        Assert.Equal("No significant difference: -1.50 BLEU, p = 0.2500.", written["summary"]!.GetValue<string>());
        written.Remove("summary");
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Verdict), written), written.ToJsonString());
    }

    [Theory]
    [InlineData("finer", VerdictOutcome.Finer)]
    [InlineData("worse", VerdictOutcome.Worse)]
    [InlineData("identical", VerdictOutcome.Identical)]
    [InlineData("no significant difference", VerdictOutcome.NoSignificantDifference)]
    [InlineData("not compared", VerdictOutcome.NotCompared)]
    public void Outcome_OfAVerdict_IsWrittenInItsWords(string name, VerdictOutcome outcome)
    {
        Assert.Equal($"\"{name}\"", JsonSerializer.Serialize(outcome, RunLedger.Json));
        Assert.Equal($"\"{name}\"", JsonSerializer.Serialize(outcome));
        Assert.Equal(outcome, JsonSerializer.Deserialize<VerdictOutcome>($"\"{name}\"", RunLedger.Json));
    }

    [Theory]
    [InlineData(true, VerdictOutcome.Finer)]
    [InlineData(false, VerdictOutcome.NoSignificantDifference)]
    public void Verdict_FromBeforeOutcomesWereKept_GoesByWhatItSaid(bool finer, VerdictOutcome outcome)
    {
        var old = JsonNode.Parse(Verdict)!.AsObject();
        old.Remove("outcome");
        old["finer"] = finer;

        Assert.Equal(outcome, old.Deserialize<VerdictSection>(RunLedger.Json)!.Outcome);
    }

    [Theory]
    [InlineData(TranslationDirection.KoToEn, "\"ko-en\"")]
    [InlineData(TranslationDirection.EnToKo, "\"en-ko\"")]
    public void Direction_InEverySerializer_IsItsCode(TranslationDirection direction, string json)
    {
        Assert.Equal(json, JsonSerializer.Serialize(direction));
        Assert.Equal(json, JsonSerializer.Serialize(direction, RunLedger.Json));
        Assert.Equal(direction, JsonSerializer.Deserialize<TranslationDirection>(json, RunLedger.Json));
    }

    [Theory]
    [InlineData(RunDirection.KoToEn, "ko-en")]
    [InlineData(RunDirection.EnToKo, "en-ko")]
    [InlineData(RunDirection.Both, "both")]
    public void Directions_OfARun_HaveTheCodeOfTheRun(RunDirection direction, string code)
    {
        var directions = Spec(direction).Directions();

        Assert.Equal((code, code), (directions.Code(), WireName.Of(direction)));
        Assert.True(TranslationDirections.TryParse(code, out var parsed));
        Assert.Equal(directions, parsed);
    }

    [Fact]
    public void Ledger_OfAnOldRun_IsReadByTheNewTypes()
    {
        File.WriteAllText(Path.Combine(Ledger.DirectoryOf(Id), "ledger.jsonl"), string.Concat(new[]
        {
            ("stage", "train", """{"runId":"r","stage":"train","detail":"d"}"""),
            ("intent", "projects/p/locations/us-west4-a/nodes/wf-r-1", Lease),
            ("attempt", "1", $$"""{"runId":"r","lease":{{Lease}},"outcome":"refused","seconds":1.5}"""),
            ("scores", "ko-en", Verdict),
        }.Select(fact => $$"""
            {"at":"2026-11-24T09:00:00+00:00","kind":"{{fact.Item1}}","key":"{{fact.Item2}}","data":{{fact.Item3}}}
            """.ReplaceLineEndings("") + "\n")));

        Assert.Equal(RunStageName.Train, Assert.Single(Ledger.Read<StageInput>(Id, LedgerKinds.Stage)).Data.Stage);
        Assert.Equal(
            AttemptOutcome.Refused, Assert.Single(Ledger.Read<AttemptEnd>(Id, LedgerKinds.Attempt)).Data.Outcome);
        Assert.Equal(ProvisioningMode.OnDemand, Assert.Single(ReportBuilder.Attempts(Ledger, Id)).Provisioning);

        // The stage was entered before the update: entering it again is the same fact.
        Assert.False(Ledger.Append(
            Id, LedgerKinds.Stage, WireName.Of(RunStageName.Train), new StageInput(Id, RunStageName.Train, "d")));
    }
}
