using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.DurableTask.Converters;

namespace Workflows.Orchestrations.Tests.Records;

/// <summary>
/// Inputs and outputs as histories of running instances hold them. The literals were written before these sets were
/// types; they must be read, and written the same.
/// </summary>
public sealed class HistoryFormTests
{
    private const string Spec = """
        {"RunId":"run-1","Name":"a name","Project":"p","Direction":"both","Model":"/m","Prompt":"brief",
        "PromptTemplate":"plain","Data":{"Train":"t.tsv","Test":null,"TestFraction":0.1,"MaxTestPairs":500,
        "Validation":null},"Tpu":{"AcceleratorTypes":["v5litepod-8"],"Zones":["us-west4-a"],
        "Provisioning":"on-demand","RuntimeVersion":null,"AcquireTimeoutSeconds":300,"Network":null,
        "ServiceAccount":null},"Training":{"Steps":7,"BatchSize":16,"AccumulationSteps":1,"Method":"full",
        "Lora":{"Rank":16,"Alpha":null,"Dropout":0,"Targets":[],"RankStabilized":false},"Schedule":"cosine",
        "Pack":false,"MaxGradientNorm":1,"Validation":null,"Keep":"last","KeepCheckpoints":2,"LearningRate":0.001,
        "WarmupSteps":6,"WeightDecay":0.01,"MaxLength":128,"CheckpointEverySteps":50,"Seed":42},
        "Evaluation":{"MaxNewTokens":96,"BatchSize":16,"BeamSize":1,"LengthPenalty":1,"LongInput":"refuse",
        "BleuTokenizer":null,"BootstrapSamples":1000,"Seed":12345},"BudgetUsd":10,"IsRehearsal":true,
        "Pace":{"PollSeconds":0.5,"SilenceSeconds":20,"BootSeconds":60,"RoundPauseSeconds":2}}
        """;

    private const string Place = """
        {"Zone":"us-west4-a","AcceleratorType":"v5litepod-8","Provisioning":"spot","RuntimeVersion":"v","Chips":8,
        "UsdPerHour":4.5,"Region":"us-west4"}
        """;

    private const string Lease = $$"""
        {"NodeName":"projects/p/locations/us-west4-a/nodes/wf-run-1-1","Candidate":{{Place}},"Attempt":1}
        """;

    public static TheoryData<Type, string> Records => new()
    {
        { typeof(RunSpec), Spec },
        { typeof(Candidate), Place },
        { typeof(TpuLease), Lease },
        { typeof(StageInput), """{"RunId":"run-1","Stage":"evaluate","Detail":"d"}""" },
        { typeof(RunStage), """{"Stage":"done","Detail":"succeeded"}""" },
        { typeof(RunOutcome), """{"Status":"cancelled","ReportUri":"/r","Failure":null}""" },
        {
            typeof(RunEnd),
            """{"RunId":"run-1","Name":"n","Outcome":{"Status":"succeeded","ReportUri":"/r","Failure":null}}"""
        },
        {
            typeof(AttemptEnd),
            $$"""{"RunId":"run-1","Lease":{{Lease}},"Outcome":"timeout","Refusal":null,"Seconds":1.5}"""
        },
        {
            // An API out of reach: no name was made, and an empty one is in the history.
            typeof(CreateNodeResult),
            """
            {"NodeName":"","Operation":null,"Refusal":{"Code":"CLOUD_UNREACHABLE","Scope":0,"RememberSeconds":60,
            "Reason":"r","Fix":"f"},"Asked":true}
            """
        },
        {
            typeof(NodeRelease),
            """{"NodeName":"projects/p/locations/z/nodes/n","State":"NOT_FOUND","ConfirmedNotFound":true}"""
        },
        { typeof(ReleaseInput), $$"""{"Spec":{{Spec}},"NodeName":"projects/p/locations/z/nodes/n"}""" },
        { typeof(ReportInput), $$"""{"Spec":{{Spec}},"Plan":null,"Data":null,"Status":"failed","Failure":null}""" },
        { typeof(ObserveJobInput), $$"""{"Kind":1,"Spec":{{Spec}},"Lease":{{Lease}}}""" },
    };

    [Theory]
    [MemberData(nameof(Records))]
    public void Record_OfAnOldHistory_IsReadAndWrittenTheSame(Type type, string json)
    {
        var value = JsonDataConverter.Default.Deserialize(json, type);

        var written = JsonDataConverter.Default.Serialize(value);

        Assert.True(
            JsonNode.DeepEquals(JsonNode.Parse(json), JsonNode.Parse(written!)), $"{json}\nwas written as\n{written}");
    }

    [Fact]
    public void RunSpec_OfAnOldHistory_HasTheMembersOfItsWords()
    {
        var spec = (RunSpec)JsonDataConverter.Default.Deserialize(Spec, typeof(RunSpec))!;

        Assert.Equal(
            (new RunId("run-1"), RunDirection.Both, ProvisioningMode.OnDemand),
            (spec.RunId, spec.Direction, spec.Tpu.Provisioning));
    }

    [Theory]
    [InlineData(typeof(RunStage), """{"Stage":"rest","Detail":""}""")]
    [InlineData(typeof(RunOutcome), """{"Status":"Ended","ReportUri":"","Failure":null}""")]
    [InlineData(typeof(LossInput), """{"RunId":"../x","Loss":null}""")]
    [InlineData(typeof(LossInput), """{"RunId":5,"Loss":null}""")]
    [InlineData(typeof(NodeRelease), """{"NodeName":"n","State":"","ConfirmedNotFound":true}""")]
    public void Record_WithAValueOutsideItsSet_IsNotReadAsAnother(Type type, string json) =>
        Assert.Throws<JsonException>(() => JsonDataConverter.Default.Deserialize(json, type));

    [Fact]
    public void Ids_AsNamesOfAnObject_ArePlainText()
    {
        var node = Given.Node("us-west4-a", "n");
        var byNode = new Dictionary<NodeName, int> { [node] = 1 };
        var byRun = new Dictionary<RunId, int> { [new RunId("run-1")] = 2 };

        var (nodes, runs) = (JsonSerializer.Serialize(byNode), JsonSerializer.Serialize(byRun));

        Assert.Equal(("""{"projects/p/locations/us-west4-a/nodes/n":1}""", """{"run-1":2}"""), (nodes, runs));
        Assert.Equal(byNode, JsonSerializer.Deserialize<Dictionary<NodeName, int>>(nodes));
        Assert.Equal(byRun, JsonSerializer.Deserialize<Dictionary<RunId, int>>(runs));
    }
}
