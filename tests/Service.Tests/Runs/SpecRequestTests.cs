using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Activities.Capacity;
using Workflows.Orchestrations;
using Workflows.Service.Runs;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.Service.Tests.Runs;

/// <summary>
/// A specification and its request say the same: a field that is lost here would change at a resumption.
/// </summary>
public sealed class SpecRequestTests : IDisposable
{
    private static readonly PriceCatalog Catalog = PriceCatalog.Load(null);

    private readonly TemporaryFolder _folder = new();

    public SpecRequestTests()
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["train.tsv"]);
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"training": {"method": "full"}, "rehearsal": null, "project": "p"}""")]
    public void Changed_WithoutChanges_GivesTheSameSpecification(string change)
    {
        var spec = Changed(Full(), "{}", Catalog);
        if (change != "{}")
        {
            spec = Complete(Merged(change));
        }

        var again = Changed(spec, "{}", Catalog);

        Assert.Equal(JsonSerializer.Serialize(spec), JsonSerializer.Serialize(again));
        Assert.Empty(SpecRequest.Differences(spec, again));
    }

    [Fact]
    public void Of_ASpecificationWithEveryField_LeavesNoFieldOfTheRequestOut()
    {
        var spec = Full();
        var group = spec with
        {
            Variants = [new RunVariant("a", "{}", spec)],
            Concurrency = 2,
            StopOnFailure = true,
        };
        var request = JsonSerializer.SerializeToNode(SpecRequest.Of(group))!.AsObject();

        // Unknown zones are accepted at the first request only, and the emulated project has its scenario.
        Assert.Equal(["Project", "Tpu.AllowUnknownZones", "Rehearsal.Scenario"], Empty(request, ""));
    }

    [Fact]
    public void Changed_WithFieldsInAnyCase_ChangesThoseOnly()
    {
        var spec = Full();

        var changed = Changed(
            spec, """{"BudgetUSD": 20, "tpu": {"Zones": ["us-west1-c"]}, "training": {"steps": 9}}""", Catalog);

        Assert.Equal(
            [
                new FieldChange("tpu.zones", """["us-west4-a"]""", """["us-west1-c"]"""),
                new FieldChange("training.steps", "7", "9"), new FieldChange("budgetUsd", "5", "20"),
            ],
            SpecRequest.Differences(spec, changed));
        Assert.Equal(spec.Pace, changed.Pace);
    }

    [Fact]
    public void Changed_WithNull_GivesTheDefault()
    {
        var changed = Changed(Full(), """{"budgetUsd": null, "evaluation": {"beamSize": null}}""", Catalog);

        Assert.Equal((10, 1), (changed.BudgetUsd, changed.Evaluation.BeamSize));
    }

    [Theory]
    [InlineData("""{"budget": 5}""", "budget")]
    [InlineData("""{"budgetUsd": -5}""", "budgetUsd")]
    [InlineData("""{"budgetUsd": "much"}""", "budgetUsd")]
    [InlineData("""{"training": {"steps": 0}}""", "training.steps")]
    [InlineData("""{"training": 5}""", "training")]
    [InlineData("""{"tpu": {"zones": ["mars-north1-a"]}}""", "tpu.zones")]
    [InlineData("""{"model": "/nowhere"}""", "model")]
    [InlineData("[]", "$")]
    [InlineData("{", "$")]
    [InlineData("null", "$")]
    public void Changed_WithAChangeThatCannotBe_NamesTheField(string changes, string field)
    {
        var fault = Assert.Throws<RunRequestException>(() => Changed(Full(), changes, Catalog));

        Assert.Contains(fault.Errors, error => error.Field == field);
    }

    [Fact]
    public void Changed_OfARunInAZoneThatTheCatalogLacks_KeepsItAndAcceptsNoOther()
    {
        var request = Merged("""{"tpu": {"zones": ["mars-north1-a"], "allowUnknownZones": true}}""");
        var spec = Complete(request);

        Assert.Equal(["mars-north1-a"], Changed(spec, """{"budgetUsd": 20}""", Catalog).Tpu.Zones);
        Assert.Throws<RunRequestException>(
            () => Changed(spec, """{"tpu": {"zones": ["mars-south1-a"]}}""", Catalog));
    }

    /// <summary>Fields that go with one mode alone do not stand in the way of another.</summary>
    [Fact]
    public void Changed_ToAnotherMode_LeavesItsFieldsBehind()
    {
        var spec = Complete(Merged("""{"tpu": {"request": null, "maxRunHours": 2.5}}"""));
        var spot = Changed(spec, """{"tpu": {"provisioning": "spot", "request": "node"}}""", Catalog);
        var back = Changed(spot, """{"tpu": {"provisioning": "flex-start"}}""", Catalog);

        Assert.Equal((RequestWay.QueuedResource, 2.5), (spec.Tpu.Request, spec.Tpu.MaxRunHours));
        Assert.Equal((RequestWay.Node, 0), (spot.Tpu.Request, spot.Tpu.MaxRunHours));
        Assert.Equal((RequestWay.QueuedResource, 24), (back.Tpu.Request, back.Tpu.MaxRunHours));
    }

    [Fact]
    public void Changed_OfARunWhoseFilesAreGone_NeedsThemOnlyToChangeThem()
    {
        var spec = Full();
        File.Delete(_folder["train.tsv"]);

        Assert.Equal(20, Changed(spec, """{"budgetUsd": 20}""", Catalog).BudgetUsd);
        Assert.Equal(spec.Data, Changed(spec, """{"budgetUsd": 20}""", Catalog).Data);
        var ofAFolder = spec with { Data = spec.Data with { Train = _folder["shards"] } };
        Assert.Equal(ofAFolder.Data, Changed(ofAFolder, """{"budgetUsd": 20}""", Catalog).Data);
        Assert.Throws<RunRequestException>(
            () => Changed(spec, """{"data": {"maxTestPairs": 20}}""", Catalog));
    }

    private static RunSpec Complete(JsonObject request) => RunRequestReader.Complete(
        RunRequestReader.Parse(request.ToJsonString()), new RunId("run-1"), Catalog);

    private RunSpec Full() => Complete(Merged("{}"));

    private JsonObject Merged(string change)
    {
        var request = JsonNode.Parse($$"""
            {
              "id": "run-1", "name": "a name", "deadline": "2027-01-31T18:00:00.5+09:00", "afterDeadline": "stop",
              "direction": "both", "prompt": "brief", "promptTemplate": "plain",
              "model": {{JsonSerializer.Serialize(_folder["model"])}},
              "data": {
                "train": {{JsonSerializer.Serialize(_folder["train.tsv"])}}, "testFraction": 0.2, "maxTestPairs": 30,
                "test": {{JsonSerializer.Serialize(_folder["train.tsv"])}},
                "validation": {{JsonSerializer.Serialize(_folder["train.tsv"])}}
              },
              "tpu": {
                "acceleratorTypes": ["v5litepod-8"], "zones": ["us-west4-a"], "provisioning": "flex-start",
                "maxUsdPerHour": 50, "maxPreemptions": 8, "maxFailures": 3,
                "fallback": "none", "move": "none", "request": "queued-resource",
                "queueSeconds": 77, "maxRunHours": 12,
                "runtimeVersion": "v", "acquireTimeoutSeconds": 99, "network": "n", "subnetwork": "s",
                "serviceAccount": "a@b",
                "externalIp": false
              },
              "training": {
                "steps": 7, "batchSize": 3, "accumulationSteps": 2, "learningRate": 0.002, "warmupSteps": 4,
                "schedule": "linear", "weightDecay": 0.03, "maxGradientNorm": 0.7, "maxLength": 90, "pack": true,
                "checkpointEverySteps": 5, "keepCheckpoints": 6, "keep": "last", "seed": 9, "method": "lora",
                "lora": {
                  "rank": 8, "alpha": 24, "dropout": 0.25, "rankStabilized": true, "targets": ["q_proj", "v_proj"]
                },
                "validation": { "metric": "chrf", "everySteps": 11, "patience": 12, "maxPairs": 13 }
              },
              "evaluation": {
                "maxNewTokens": 33, "batchSize": 5, "beamSize": 4, "lengthPenalty": 0.6, "longInput": "truncate",
                "bleuTokenizer": "char", "bootstrapSamples": 200, "seed": 5
              },
              "budgetUsd": 5, "maxHours": 3, "allowOverBudget": true, "allowHostProcessor": true, "rehearsal": {},
              "approval": {"withinHours": 5, "aboveUsd": 2}
            }
            """)!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject())
        {
            if (value is JsonObject section && request[name] is JsonObject known)
            {
                foreach (var (field, inner) in section)
                {
                    known[field] = inner?.DeepClone();
                }
            }
            else
            {
                request[name] = value?.DeepClone();
            }
        }

        if (request["training"]?["method"]?.GetValue<string>() == "full")
        {
            request["training"]!.AsObject().Remove("lora");
        }

        return request;
    }

    private static IEnumerable<string> Empty(JsonObject part, string path) => part.SelectMany(
        field => field.Value switch
        {
            null => [path + field.Key],
            JsonObject inner => Empty(inner, $"{path}{field.Key}."),
            _ => Enumerable.Empty<string>(),
        });

    private static RunSpec Changed(RunSpec spec, string changes, PriceCatalog catalog) =>
        SpecRequest.Changed(spec, changes, catalog, InputRoots.Anywhere);
}
