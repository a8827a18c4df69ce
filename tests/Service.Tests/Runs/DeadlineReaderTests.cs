using System.Text.Json.Nodes;
using Workflows.Activities.Capacity;
using Workflows.Orchestrations;
using Workflows.Service.Runs;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.Service.Tests.Runs;

/// <summary>The fields of a request that concern its deadline.</summary>
public sealed class DeadlineReaderTests : IDisposable
{
    private static readonly PriceCatalog Catalog = PriceCatalog.Load(null);

    private readonly TemporaryFolder _folder = new();

    public DeadlineReaderTests()
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("2027-01-31T18:00:00Z", "2027-01-31T18:00:00Z")]
    [InlineData("2027-01-31T18:00:00+09:00", "2027-01-31T09:00:00Z")]
    [InlineData("2027-01-31 18:00:00.125-01:30", "2027-01-31T19:30:00.125Z")]
    public void Read_OfATimeWithAnOffset_IsTheSameInstantInUtc(string text, string written)
    {
        var spec = Complete(text);

        Assert.Equal(TimeSpan.Zero, spec.Deadline?.Offset);
        Assert.Equal(written, SpecRequest.Of(spec).Deadline);
        Assert.Equal(spec.Deadline, Complete(written).Deadline);
    }

    [Theory]
    [InlineData("")]
    [InlineData("tomorrow")]
    [InlineData("2027-01-31")]
    [InlineData("2027-01-31T18:00:00")]
    [InlineData("2027-01-31T18:00:00 Z")]
    [InlineData("2027-13-31T18:00:00Z")]
    [InlineData("2027-02-30T18:00:00Z")]
    [InlineData("2027-01-31T25:00:00Z")]
    [InlineData("2027-01-31T18:00:00+99:00")]
    [InlineData("01/31/2027 18:00:00 +00:00")]
    [InlineData("2027-01-31T18:00:00Z\n")]
    [InlineData("२०२७-01-31T18:00:00Z")]
    [InlineData("0001-01-01T00:00:00+14:00")]
    public void Read_OfAnythingElse_NamesTheFieldAndTheForm(string text)
    {
        var fault = Assert.Throws<RunRequestException>(() => Complete(text));

        var error = Assert.Single(fault.Errors);
        Assert.Equal("deadline", error.Field);
        Assert.Contains("2027-01-31T18:00:00Z", error.Fix, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, null, true, "spot", SpotFallback.OnDemand)]
    [InlineData("none", null, true, "spot", SpotFallback.None)]
    [InlineData("on-demand", "stop", true, "spot", SpotFallback.OnDemand)]
    [InlineData(null, "stop", true, "on-demand", SpotFallback.None)]
    [InlineData("on-demand", null, true, "on-demand", SpotFallback.None)]
    [InlineData(null, "stop", false, "spot", SpotFallback.None)]
    [InlineData("on-demand", null, false, "spot", SpotFallback.OnDemand)]
    public void Complete_OfFallbackAndEnd_HasSensibleDefaults(
        string? fallback, string? after, bool hasDeadline, string mode, SpotFallback wanted)
    {
        var spec = Complete(hasDeadline ? "2027-01-31T18:00:00Z" : null, fallback, after, mode);

        Assert.Equal((wanted, hasDeadline && after == "stop"), (spec.Tpu.Fallback, spec.StopsAtDeadline));
        var again = Changed(spec, "{}", Catalog);
        Assert.Equal((wanted, spec.StopsAtDeadline), (again.Tpu.Fallback, again.StopsAtDeadline));

        // The deadline that a resumption takes away takes its end along.
        Assert.False(Changed(spec, """{"deadline": null}""", Catalog).StopsAtDeadline);
    }

    [Theory]
    [InlineData(null, true, "spot", MoveChoice.Cheaper)]
    [InlineData("none", true, "spot", MoveChoice.None)]
    [InlineData("cheaper", false, "spot", MoveChoice.Cheaper)]
    [InlineData(null, false, "spot", MoveChoice.None)]
    [InlineData("cheaper", true, "on-demand", MoveChoice.None)]
    public void Complete_OfMoves_HasSensibleDefaults(string? move, bool hasDeadline, string mode, MoveChoice wanted)
    {
        var spec = Complete(hasDeadline ? "2027-01-31T18:00:00Z" : null, mode: mode, move: move);

        Assert.Equal(wanted, spec.Tpu.Move);
        Assert.Equal(wanted, Changed(spec, "{}", Catalog).Tpu.Move);
    }

    [Fact]
    public void Complete_OfAnUnknownMove_NamesTheField()
    {
        var fault = Assert.Throws<RunRequestException>(() => Complete("2027-01-31T18:00:00Z", move: "sideways"));

        Assert.Equal("tpu.move", Assert.Single(fault.Errors).Field);
    }

    [Theory]
    [InlineData("later", null, "tpu.fallback")]
    [InlineData(null, "explode", "afterDeadline")]
    public void Complete_OfUnknownWords_NamesTheField(string? fallback, string? after, string field)
    {
        var fault = Assert.Throws<RunRequestException>(() => Complete("2027-01-31T18:00:00Z", fallback, after));

        Assert.Equal(field, Assert.Single(fault.Errors).Field);
    }

    [Fact]
    public void RequireAhead_OfATimeThatHasPassed_NamesBothTimes()
    {
        var spec = Complete("2027-01-31T18:00:00Z");
        DeadlineReader.RequireAhead(spec, spec.Deadline!.Value.AddSeconds(-1));
        DeadlineReader.RequireAhead(spec with { Deadline = null }, DateTimeOffset.MaxValue);

        var fault = Assert.Throws<RunRequestException>(
            () => DeadlineReader.RequireAhead(spec, spec.Deadline!.Value));

        Assert.Equal(
            "deadline: It is 2027-01-31T18:00:00Z, and it is 2027-01-31T18:00:00Z now. Use a later time, or none.",
            fault.Message);
    }

    private RunSpec Complete(
        string? deadline, string? fallback = null, string? after = null, string mode = "spot", string? move = null)
    {
        var request = TinyModel.Request(
            _folder["model"], _folder["pairs.tsv"], "/scenario.json", 6, checkpointEvery: 2);
        request.Remove("rehearsal");
        request["project"] = "p";
        request["deadline"] = deadline;
        request["afterDeadline"] = after;
        request["tpu"]!["fallback"] = fallback;
        request["tpu"]!["move"] = move;
        request["tpu"]!["provisioning"] = mode;
        return RunRequestReader.Complete(
            RunRequestReader.Parse(new JsonObject(request.Select(each =>
                KeyValuePair.Create(each.Key, each.Value?.DeepClone()))).ToJsonString()),
            new RunId("run-1"), Catalog);
    }

    private static RunSpec Changed(RunSpec spec, string changes, PriceCatalog catalog) =>
        SpecRequest.Changed(spec, changes, catalog, InputRoots.Anywhere);
}
