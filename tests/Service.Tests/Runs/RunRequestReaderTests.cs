using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Activities.Capacity;
using Workflows.Orchestrations;
using Workflows.Service.Runs;

namespace Workflows.Service.Tests.Runs;

/// <summary>From a request to a run: defaults, closed sets, and every fault with its field.</summary>
public sealed class RunRequestReaderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public RunRequestReaderTests()
    {
        foreach (var name in new[] { "config.json", "tokenizer.json", "pairs.tsv", "more.tsv", "a.ko", "a.en" })
        {
            File.WriteAllText(Path.Combine(_folder, name), "");
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Complete_SmallestRequest_HasEveryDefault()
    {
        var spec = Complete("{}");

        Assert.Equal((new RunId("made"), "made"), (spec.RunId, spec.Name));
        Assert.Equal(
            (RunDirection.KoToEn, ProvisioningMode.Spot, "translategemma", "auto"),
            (spec.Direction, spec.Tpu.Provisioning, spec.Prompt, spec.PromptTemplate));
        Assert.Equal(
            new PaceSpec { PollSeconds = 0.5, SilenceSeconds = 20, BootSeconds = 60, RoundPauseSeconds = 2 },
            spec.Pace);
        Assert.Equal(("rehearsal-made", 300.0, 10.0), (spec.Project, spec.Tpu.AcquireTimeoutSeconds, spec.BudgetUsd));
        Assert.Equal(
            ("full", "cosine", "last", 400, 20),
            (spec.Training.Method, spec.Training.Schedule, spec.Training.Keep, spec.Training.Steps,
                spec.Training.WarmupSteps));
        Assert.Equal(("refuse", null), (spec.Evaluation.LongInput, spec.Evaluation.BleuTokenizer));
    }

    [Fact]
    public void Complete_LimitsOfTimeAndPrice_AreNoneOrTheRequests()
    {
        var (none, some) = (Complete("{}"), Complete("""{"maxHours": 2.5, "tpu": {"maxUsdPerHour": 3}}"""));

        Assert.Equal((null, null), (none.MaxHours, none.Tpu.MaxUsdPerHour));
        Assert.Equal((2.5, 3.0), (some.MaxHours, some.Tpu.MaxUsdPerHour));
        foreach (var (json, field) in new[]
        {
            ("""{"maxHours": 0}""", "maxHours"), ("""{"maxHours": 721}""", "maxHours"),
            ("""{"tpu": {"maxUsdPerHour": 0}}""", "tpu.maxUsdPerHour"),
            ("""{"tpu": {"maxUsdPerHour": -1}}""", "tpu.maxUsdPerHour"),
        })
        {
            var fault = Assert.Single(Assert.Throws<RunRequestException>(() => Complete(json)).Errors);
            Assert.Equal(field, fault.Field);
        }
    }

    [Fact]
    public void Complete_LimitsOfLosses_AreManyPreemptionsAndFewFailuresOrTheRequests()
    {
        var (none, some) = (
            Complete("{}").Tpu, Complete("""{"tpu": {"maxPreemptions": 0, "maxFailures": 1000}}""").Tpu);

        Assert.Equal((50, 5), (none.MaxPreemptions, none.MaxFailures));
        Assert.Equal((0, 1000), (some.MaxPreemptions, some.MaxFailures));
        foreach (var (json, field, fix) in new[]
        {
            ("""{"tpu": {"maxPreemptions": -1}}""", "tpu.maxPreemptions", "Use 0 to 10000."),
            ("""{"tpu": {"maxPreemptions": 10001}}""", "tpu.maxPreemptions", "Use 0 to 10000."),
            ("""{"tpu": {"maxFailures": -1}}""", "tpu.maxFailures", "Use 0 to 1000."),
            ("""{"tpu": {"maxFailures": 1001}}""", "tpu.maxFailures", "Use 0 to 1000."),
        })
        {
            var fault = Assert.Single(Assert.Throws<RunRequestException>(() => Complete(json)).Errors);
            Assert.Equal((field, fix), (fault.Field, fault.Fix));
        }
    }

    [Fact]
    public void Complete_RealRun_LooksCalmlyAndWaitsLonger()
    {
        var spec = Complete("""{"project": "mine"}""", isRehearsal: false);

        Assert.Equal(new PaceSpec(), spec.Pace);
        Assert.Equal(("mine", 6 * 3600.0, false), (spec.Project, spec.Tpu.AcquireTimeoutSeconds, spec.IsRehearsal));
    }

    [Theory]
    [InlineData(10, 20, "--set training.warmupSteps=1)", "--set training.steps=20)")]
    [InlineData(1, 2, "--set training.warmupSteps=0)", "--set training.steps=2)")]
    public void Complete_WarmupLongerThanTheTraining_NamesBothFieldsAndBothFixes(
        int steps, int warmup, string lower, string raise)
    {
        var fault = Assert.Single(Assert.Throws<RunRequestException>(() => Complete(
            $$$"""{"training": {"steps": {{{steps}}}, "warmupSteps": {{{warmup}}}}}""")).Errors);

        Assert.Equal("training.warmupSteps", fault.Field);
        Assert.Contains($"It is {warmup} and training.steps is {steps}", fault.Message, StringComparison.Ordinal);
        Assert.Contains(lower, fault.Fix, StringComparison.Ordinal);
        Assert.Contains(raise, fault.Fix, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"steps": 10, "warmupSteps": 10}""", 10)]
    [InlineData("""{"steps": 10}""", 9)]
    [InlineData("""{"steps": 1}""", 0)]
    [InlineData("""{"steps": 400}""", 20)]
    public void Complete_WarmupWithinTheTraining_IsTaken(string training, int warmup) =>
        Assert.Equal(warmup, Complete($$"""{"training": {{training}}}""").Training.WarmupSteps);

    [Theory]
    [InlineData("""{"steps": 10, "warmupSteps": -1}""", "training.warmupSteps")]
    [InlineData("""{"steps": 10, "warmupSteps": 2147483647}""", "training.warmupSteps")]
    [InlineData("""{"steps": 0, "warmupSteps": 5}""", "training.steps")]
    public void Complete_WarmupOrStepsOutOfRange_IsOneFault(string training, string field) => Assert.Equal(
        field, Assert.Single(Assert.Throws<RunRequestException>(
            () => Complete($$"""{"training": {{training}}}""")).Errors).Field);

    [Theory]
    [InlineData("ko-en", RunDirection.KoToEn)]
    [InlineData("en-ko", RunDirection.EnToKo)]
    [InlineData("both", RunDirection.Both)]
    public void Complete_Direction_IsTheMemberOfItsWord(string word, RunDirection direction) =>
        Assert.Equal(direction, Complete($$"""{"direction": "{{word}}"}""").Direction);

    [Theory]
    [InlineData("spot", ProvisioningMode.Spot)]
    [InlineData("on-demand", ProvisioningMode.OnDemand)]
    [InlineData("flex-start", ProvisioningMode.FlexStart)]
    public void Complete_Provisioning_IsTheMemberOfItsWord(string word, ProvisioningMode mode) =>
        Assert.Equal(mode, Complete($$$"""{"tpu": {"provisioning": "{{{word}}}"}}""").Tpu.Provisioning);

    [Theory]
    [InlineData("""{"provisioning": "flex-start", "maxRunHours": 0}""", "tpu.maxRunHours", "Use 0.001 to 168.")]
    [InlineData("""{"provisioning": "flex-start", "maxRunHours": -1}""", "tpu.maxRunHours", "Use 0.001 to 168.")]
    [InlineData("""{"provisioning": "flex-start", "maxRunHours": 168.1}""", "tpu.maxRunHours", "Use 0.001 to 168.")]
    [InlineData("""{"provisioning": "spot", "maxRunHours": 5}""", "tpu.maxRunHours", "flex-start")]
    [InlineData("""{"maxRunHours": 5, "request": "queued-resource"}""", "tpu.maxRunHours", "flex-start")]
    [InlineData("""{"provisioning": "flex-start", "request": "node"}""", "tpu.request", "queued-resource")]
    [InlineData("""{"provisioning": "flex-start", "request": "reservation"}""", "tpu.request", "queued-resource")]
    public void Complete_FlexStartThatDoesNotFit_NamesFieldAndFix(string tpu, string field, string fix)
    {
        var error = Assert.Single(Assert.Throws<RunRequestException>(
            () => Complete($$$"""{"tpu": {{{tpu}}}}""")).Errors);

        Assert.Equal(field, error.Field);
        Assert.Contains(fix, error.Fix, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"provisioning": "flex-start"}""", RequestWay.QueuedResource, 24, 30)]
    [InlineData("""{"provisioning": "flex-start", "request": "queued-resource", "maxRunHours": 168}""",
        RequestWay.QueuedResource, 168, 30)]
    [InlineData("""{"provisioning": "on-demand"}""", RequestWay.Node, 0, 0)]
    public void Complete_FlexStart_IsAskedByQueuedResources(
        string tpu, RequestWay way, double hours, double queueSeconds)
    {
        var spec = Complete($$$"""{"tpu": {{{tpu}}}}""");

        Assert.Equal((way, hours), (spec.Tpu.Request, spec.Tpu.MaxRunHours));
        Assert.Equal(queueSeconds, spec.Tpu.QueueSeconds);
    }

    /// <summary>The form that clients know: the value, and every word that may stand there.</summary>
    [Theory]
    [InlineData("direction", "ko-fr", "ko-en,en-ko,both")]
    [InlineData("direction", "KO-EN", "ko-en,en-ko,both")]
    [InlineData("direction", "KoToEn", "ko-en,en-ko,both")]
    [InlineData("direction", "", "ko-en,en-ko,both")]
    [InlineData("tpu.provisioning", "onDemand", "spot,on-demand,flex-start,reserved")]
    [InlineData("tpu.provisioning", "1", "spot,on-demand,flex-start,reserved")]
    [InlineData("prompt", "long", "translategemma,brief")]
    [InlineData("promptTemplate", "turns", "auto,chat,plain")]
    [InlineData("training.method", "qlora", "full,lora")]
    [InlineData("training.schedule", "step", "cosine,linear,constant,inverse-sqrt")]
    [InlineData("evaluation.longInput", "cut", "refuse,truncate")]
    public void Complete_WordOutsideItsSet_NamesFieldValueAndTheSet(string field, string word, string set)
    {
        var request = new JsonObject();
        var parent = field.Split('.') is [var section, _] ? (JsonObject)(request[section] = new JsonObject()) : request;
        parent[field.Split('.')[^1]] = word;

        Assert.Equal(
            new FieldError(
                field, $"'{word}' is not known.",
                $"Use {string.Join(", ", set.Split(',').Select(each => $"\"{each}\""))}."),
            Assert.Single(Faults(request.ToJsonString())));
    }

    [Theory]
    [InlineData("""{"id": "Run"}""", "id")]
    [InlineData("""{"id": ""}""", "id")]
    [InlineData("""{"id": "a/../b"}""", "id")]
    [InlineData("""{"name": "a\tb"}""", "name")]
    [InlineData("""{"data": {"train": "a,b,c"}}""", "data.train")]
    [InlineData("""{"data": {"train": "https://x/pairs.tsv"}}""", "data.train")]
    [InlineData("""{"data": {"validation": "FOLDER/more.tsv"}}""", "data.validation")]
    [InlineData("""{"data": {"maxTestPairs": 0}}""", "data.maxTestPairs")]
    [InlineData("""{"data": {"maxTestPairs": 4}}""", "data.maxTestPairs")]
    [InlineData("""{"training": {"validation": {"maxPairs": 1}}}""", "training.validation.maxPairs")]
    [InlineData("""{"model": " "}""", "model")]
    [InlineData("""{"model": "s3://bucket/model"}""", "model")]
    [InlineData("""{"tpu": {"zones": ["US-WEST4-A"]}}""", "tpu.zones")]
    [InlineData("""{"tpu": {"zones": ["us-west4"]}}""", "tpu.zones")]
    [InlineData("""{"tpu": {"acceleratorTypes": ["v9-1"]}}""", "tpu.acceleratorTypes")]
    [InlineData("""{"tpu": {"network": "a\nb"}}""", "tpu.network")]
    [InlineData("""{"tpu": {"subnetwork": "a\nb"}}""", "tpu.subnetwork")]
    [InlineData("""{"training": {"steps": 0}}""", "training.steps")]
    [InlineData("""{"training": {"steps": 5, "warmupSteps": 6}}""", "training.warmupSteps")]
    [InlineData("""{"training": {"lora": {}}}""", "training.lora")]
    [InlineData("""{"training": {"keep": "best"}}""", "training.keep")]
    [InlineData("""{"training": {"method": "lora", "lora": {"targets": ["lm_head"]}}}""", "training.lora.targets")]
    [InlineData("""{"evaluation": {"beamSize": 0}}""", "evaluation.beamSize")]
    [InlineData("""{"evaluation": {"bleuTokenizer": "mecab"}}""", "evaluation.bleuTokenizer")]
    [InlineData("""{"direction": "both", "evaluation": {"bleuTokenizer": "ko-mecab"}}""", "evaluation.bleuTokenizer")]
    [InlineData("""{"budgetUsd": 0}""", "budgetUsd")]
    public void Complete_ValueThatCannotBe_NamesItsFieldAndAFix(string json, string field) =>
        Assert.All(
            Faults(json.Replace("FOLDER", _folder, StringComparison.Ordinal)),
            fault => Assert.Equal((field, true), (fault.Field, fault.Fix.Length > 10)));

    [Fact]
    public void Complete_SeveralFaults_ListsAllInOneAnswer() => Assert.Equal(
        ["budgetUsd", "direction", "id", "training.steps"],
        Faults("""{"id": "X", "direction": "x", "budgetUsd": 0, "training": {"steps": 0}}""")
            .Select(fault => fault.Field).Distinct().Order(StringComparer.Ordinal));

    [Fact]
    public void Complete_RealRunWithoutAProject_AsksForOne() => Assert.Equal(
        "project",
        Assert.Single(Assert.Throws<RunRequestException>(() => Complete("{}", isRehearsal: false)).Errors).Field);

    [Fact]
    public void Complete_TwoAlignedFiles_BecomeAbsolutePaths()
    {
        var (ko, en) = (Path.Combine(_folder, "a.ko"), Path.Combine(_folder, "a.en"));

        var spec = Complete(
            $$$"""{"data": {"train": {{{JsonSerializer.Serialize($" {ko} , {new Uri(en)} ")}}} }}""");

        Assert.Equal($"{ko},{en}", spec.Data.Train);
    }

    [Fact]
    public void Complete_TrainingThatValidates_KeepsTheBestStepByItself()
    {
        var training = Complete("""{"training": {"validation": {}}}""").Training;

        Assert.Equal(("best", "loss", 3), (training.Keep, training.Validation?.Metric, training.Validation?.Patience));
    }

    [Fact]
    public void Complete_ShortTraining_WarmsUpWithinItsSteps() =>
        Assert.Equal(4, Complete("""{"training": {"steps": 5}}""").Training.WarmupSteps);

    [Theory]
    [InlineData("""{"direction": null}""")]
    [InlineData("""{"DIRECTION": "ko-en"}""")]
    [InlineData("""{"tpu": {"provisioning": null}}""")]
    public void Parse_NullOrAnotherCase_IsTheDefaultField(string json) =>
        Assert.Equal(RunDirection.KoToEn, Complete(json).Direction);

    [Theory]
    [InlineData("""{"project": "mine"}""", false)]
    [InlineData("""{"project": "mine", "allowHostProcessor": true}""", true)]
    public void Complete_RealRun_PaysForAProcessorOnlyWhereItIsToldTo(string json, bool isAllowed) =>
        Assert.Equal(isAllowed, Complete(json, isRehearsal: false).AllowHostProcessor);

    [Fact]
    public void Complete_ZoneThatTheCatalogLacks_AsksForTheNearest()
    {
        var fault = Assert.Single(Faults("""{"tpu": {"zones": ["us-west4-z", "us-west4-a"]}}"""));

        Assert.Equal("tpu.zones", fault.Field);
        Assert.Contains("'us-west4-z'", fault.Message, StringComparison.Ordinal);
        Assert.Contains("Did you mean 'us-west4-", fault.Fix, StringComparison.Ordinal);
        Assert.Contains("allowUnknownZones", fault.Fix, StringComparison.Ordinal);
        Assert.Equal(
            ["us-west4-z"],
            Complete("""{"tpu": {"zones": ["us-west4-z"], "allowUnknownZones": true}}""").Tpu.Zones);
    }

    [Fact]
    public void Parse_SeveralUnknownFields_NamesAllWithTheNearest()
    {
        var faults = Assert.Throws<RunRequestException>(() => RunRequestReader.Parse(
            """{"modle": "m", "training": {"stepz": 1, "lora": {"rnk": 2}, "xyzzy": 0}, "direction": "ko-en"}"""))
            .Errors;

        Assert.Equal(
            ["modle", "training.stepz", "training.lora.rnk", "training.xyzzy"], faults.Select(fault => fault.Field));
        Assert.StartsWith("Did you mean 'model'?", faults[0].Fix, StringComparison.Ordinal);
        Assert.StartsWith("Did you mean 'steps'?", faults[1].Fix, StringComparison.Ordinal);
        Assert.StartsWith("Did you mean 'rank'?", faults[2].Fix, StringComparison.Ordinal);
        Assert.StartsWith("See docs/requests.md", faults[3].Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void Complete_VmWithoutAnExternalAddress_ReachesTheSpec()
    {
        Assert.False(Complete("{}").Tpu.WithoutExternalIp);
        Assert.True(Complete("""{"tpu": {"externalIp": false}}""").Tpu.WithoutExternalIp);
    }

    private List<FieldError> Faults(string json) =>
        [.. Assert.Throws<RunRequestException>(() => Complete(json)).Errors];

    private RunSpec Complete(string json, bool isRehearsal = true)
    {
        var request = RunRequestReader.Parse(json);
        request = request with
        {
            Model = request.Model ?? _folder,
            Data = (request.Data ?? new DataRequest()) with
            {
                Train = request.Data?.Train ?? Path.Combine(_folder, "pairs.tsv"),
            },
            Tpu = (request.Tpu ?? new TpuRequest()) with
            {
                AcceleratorTypes = request.Tpu?.AcceleratorTypes ?? ["v5litepod-8"],
            },
            Rehearsal = isRehearsal ? new RehearsalRequest() : null,
        };
        return RunRequestReader.Complete(request, new RunId("made"), PriceCatalog.Load(null));
    }
}
