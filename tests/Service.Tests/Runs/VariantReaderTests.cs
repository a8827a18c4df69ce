using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Activities.Capacity;
using Workflows.Orchestrations;
using Workflows.Service.Runs;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Runs;

/// <summary>From a request with variants to a group: each variant a run, and every fault with its field.</summary>
public sealed class VariantReaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("workflows-variants-");

    public VariantReaderTests()
    {
        Directory.CreateDirectory(_folder["big"]);
        foreach (var name in new[]
        {
            "config.json", "tokenizer.json", "pairs.tsv", "big/config.json", "big/tokenizer.json",
        })
        {
            _folder.Write(name, "");
        }
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Complete_ThreeVariants_ChangesOnlyWhatEachSays()
    {
        var group = Complete("""
            {"id": "g", "name": "rates", "budgetUsd": 3, "concurrency": 2, "stopOnFailure": true,
             "training": {"steps": 50, "learningRate": 0.01, "method": "lora", "lora": {"rank": 4}},
             "variants": [{"name": "slow", "training": {"learningRate": 0.001}},
                          {"training": {"lora": {"rank": 64}}, "direction": "en-ko"},
                          {"name": "full", "training": {"method": "full", "seed": 7}}]}
            """);

        Assert.Equal((2, true, 3.0), (group.Concurrency, group.StopOnFailure, group.BudgetUsd));
        var (slow, second, full) = (group.Variants![0], group.Variants[1], group.Variants[2]);
        Assert.Equal(["g-slow", "g-2", "g-full"], group.Variants.Select(each => each.Spec.RunId.Value));
        Assert.Equal("rates: slow", slow.Spec.Name);
        Assert.Equal((0.001, "lora", 4), Of(slow));
        Assert.Equal((0.01, "lora", 64), Of(second));
        Assert.Equal((0.01, "full", 16), Of(full));
        Assert.Equal((RunDirection.EnToKo, RunDirection.KoToEn), (second.Spec.Direction, slow.Spec.Direction));
        Assert.All(group.Variants, each => Assert.Equal(
            (group.Project, 3.0, 50, new RunId("g")),
            (each.Spec.Project, each.Spec.BudgetUsd, each.Spec.Training.Steps, each.Spec.Group!.Id)));

        static (double, string, int) Of(RunVariant variant) => (
            variant.Spec.Training.LearningRate, variant.Spec.Training.Method, variant.Spec.Training.Lora.Rank);
    }

    [Fact]
    public void Complete_WithoutAValidation_ValidatesByLossOrByChrfOverModels()
    {
        var same = Complete("""{"variants": [{}, {"training": {"seed": 1}}]}""");
        var models = Complete($$"""{"variants": [{}, {"model": "{{_folder["big"]}}"}]}""");

        Assert.All(same.Variants!, each => Assert.Equal(
            ("loss", "best"), (each.Spec.Training.Validation!.Metric, each.Spec.Training.Keep)));
        Assert.All(models.Variants!, each => Assert.Equal("chrf", each.Spec.Training.Validation!.Metric));
    }

    /// <summary>chrF measures every pair, whatever the lengths are.</summary>
    [Fact]
    public void Complete_OtherLengthsAndPromptsByChrf_AreVariants()
    {
        var group = Complete("""
            {"training": {"maxLength": 64, "validation": {"metric": "chrf"}},
             "variants": [{"training": {"maxLength": 256}}, {"promptTemplate": "plain"}]}
            """);
        var same = Complete("""
            {"training": {"maxLength": 64}, "variants": [{}, {"training": {"maxLength": 64, "seed": 2}}]}
            """);

        Assert.Equal([256, 64], group.Variants!.Select(each => each.Spec.Training.MaxLength));
        Assert.Equal([64, 64], same.Variants!.Select(each => each.Spec.Training.MaxLength));
    }

    /// <summary>A variant that is run again by itself is a run like any other.</summary>
    [Fact]
    public void Again_OfAVariant_HasTheHoursOfTheWholeAndNoNameThatIsTooLong()
    {
        var group = Complete($$"""
            {"id": "g", "name": "{{new string('n', 100)}}", "maxHours": 5, "variants": [{"name": "a"}]}
            """);
        var left = group.Variants![0].Spec with { MaxHours = 0.01 };

        var request = SpecRequest.Again(left, "{}", PriceCatalog.Load(null));

        Assert.Equal((5.0, null), (request.MaxHours, request.Name));
        Assert.Equal("mine", SpecRequest.Again(left, """{"name": "mine"}""", PriceCatalog.Load(null)).Name);
    }

    [Fact]
    public void Complete_WrittenAsARequestAgain_IsTheSameGroup()
    {
        var group = Complete("""
            {"id": "g", "variants": [{"name": "a", "training": {"seed": 1}}, {"direction": "both"}]}
            """);

        var again = RunRequestReader.CompleteWithoutFiles(SpecRequest.Of(group), group.RunId, PriceCatalog.Load(null));

        Assert.Equal(JsonSerializer.Serialize(group), JsonSerializer.Serialize(again));
    }

    [Theory]
    [InlineData("""{"variants": []}""", "variants", "The list is empty.")]
    [InlineData("""{"variants": [null]}""", "variants[0]", "It is null.")]
    [InlineData("""{"variants": [{"name": "a"}, {"name": "a"}]}""", "variants[1].name", "another variant")]
    [InlineData("""{"variants": [{"name": "2"}, {}]}""", "variants[1].name", "another variant")]
    [InlineData("""{"variants": [{"name": "Fast!"}]}""", "variants[0].name", "is no name of a variant")]
    [InlineData("""{"variants": [{"name": "-a"}]}""", "variants[0].name", "is no name of a variant")]
    [InlineData("""{"variants": [{"name": ""}]}""", "variants[0].name", "is no name of a variant")]
    [InlineData("""{"variants": [{}], "concurrency": 0}""", "concurrency", "out of range")]
    [InlineData("""{"variants": [{}], "concurrency": 33}""", "concurrency", "out of range")]
    [InlineData("""{"concurrency": 2}""", "concurrency", "There are no variants.")]
    [InlineData("""{"handover": false}""", "handover", "There are no variants.")]
    [InlineData("""{"stopOnFailure": true}""", "stopOnFailure", "There are no variants.")]
    [InlineData("""{"variants": [{}, {}]}""", "variants[1]", "It changes the same as variants[0].")]
    [InlineData(
        """{"variants": [{"training": {"learningRate": 7}}]}""", "variants[0].training.learningRate", "out of range")]
    [InlineData("""{"variants": [{"model": "/nowhere"}]}""", "variants[0].model", "There is no folder")]
    [InlineData(
        """{"variants": [{"training": {"validation": {"maxPairs": 9}}}]}""",
        "variants[0].training.validation.maxPairs", "All variants have it in common")]
    [InlineData(
        """{"training": {"validation": {"metric": "loss"}}, "variants": [{}, {"model": "/elsewhere"}]}""",
        "training.validation.metric", "losses do not compare")]
    [InlineData(
        """{"variants": [{}, {"training": {"maxLength": 64}}]}""", "variants[1].training.maxLength",
        "losses of variants that differ in it are of different pairs")]
    [InlineData(
        """{"training": {"validation": {"metric": "loss"}}, "variants": [{"prompt": "brief"}]}""",
        "variants[0].prompt", "losses of variants that differ in it are of different pairs")]
    [InlineData(
        """{"variants": [{"promptTemplate": "plain"}]}""", "variants[0].promptTemplate",
        "losses of variants that differ in it are of different pairs")]
    [InlineData(
        """{"model": null, "variants": [{"model": "/nowhere"}, {}]}""", "variants[1].model",
        "Other variants have a model")]
    [InlineData("""{"budgetUsd": -1, "variants": [{}]}""", "budgetUsd", "out of range")]
    [InlineData(
        """{"id": "a-name-of-thirty-five-characters-ok", "variants": [{"name": "longer"}]}""", "id",
        "more than 40 characters")]
    public void Complete_WrongVariants_NamesTheFieldAndTheFix(string json, string field, string message)
    {
        var errors = Assert.Throws<RunRequestException>(() => Complete(json)).Errors;

        var error = Assert.Single(errors, error => error.Field == field);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.NotEmpty(error.Fix);
    }

    [Fact]
    public void Complete_MoreVariantsThanAllowed_NamesTheLimitOnce()
    {
        var variants = new JsonArray([.. Enumerable.Range(0, 33).Select(seed => (JsonNode)new JsonObject
        {
            ["training"] = new JsonObject { ["seed"] = seed },
        })]);

        var error = Assert.Single(Assert.Throws<RunRequestException>(
            () => Complete(new JsonObject { ["variants"] = variants }.ToJsonString())).Errors);

        Assert.Equal(("variants", "It has 33 variants, 32 at most."), (error.Field, error.Message));
    }

    [Theory]
    [InlineData("""{"variants": [{"data": {}}]}""", "variants[0].data", "All variants have it in common")]
    [InlineData("""{"variants": [{}, {"budgetUsd": 3}]}""", "variants[1].budgetUsd", "All variants have it in common")]
    [InlineData(
        """{"variants": [{"training": {"learningrat": 1}}]}""", "variants[0].training.learningrat", "no such field")]
    [InlineData("""{"variants": [{"traning": {}}]}""", "variants[0].traning", "no such field")]
    [InlineData("""{"variants": {"a": {}}}""", "variants", "it must be a list of objects")]
    [InlineData("""{"variants": ["fast"]}""", "variants[0]", "it must be an object")]
    [InlineData(
        """{"variants": [{"training": {"seed": "x"}}]}""", "variants[0].training.seed", "it must be a whole number")]
    public void Parse_FieldsThatAVariantDoesNotHave_NamesThem(string json, string field, string message)
    {
        var error = Assert.Single(Assert.Throws<RunRequestException>(() => RunRequestReader.Parse(json)).Errors);

        Assert.Equal(field, error.Field);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        if (field.EndsWith("learningrat", StringComparison.Ordinal))
        {
            Assert.Contains("Did you mean 'learningRate'?", error.Fix, StringComparison.Ordinal);
        }
    }

    private RunSpec Complete(string json)
    {
        var request = JsonNode.Parse($$$"""
            {"model": "{{{_folder.Path}}}", "data": {"train": "{{{_folder["pairs.tsv"]}}}"},
             "tpu": {"acceleratorTypes": ["v5litepod-8"]}, "rehearsal": {}}
            """)!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(json)!.AsObject())
        {
            request[name] = value?.DeepClone();
        }

        return RunRequestReader.Complete(
            RunRequestReader.Parse(request.ToJsonString()), new RunId("made"), PriceCatalog.Load(null));
    }
}
