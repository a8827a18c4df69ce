using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>POST /plan: the plan of a request, for nothing.</summary>
public sealed class PlanTests(RunningService service) : IClassFixture<RunningService>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Plan_OfARunThatPays_CountsItsProgramAndStartsNothing()
    {
        var request = Paying();
        var before = await RunsAsync();

        var plan = await AskAsync(request, "?withinHours=10");

        Assert.True(plan.GetProperty("starts").GetBoolean(), $"{plan}");
        var place = plan.GetProperty("places")[0];
        Assert.True(place.GetProperty("isIn").GetBoolean());
        Assert.InRange(place.GetProperty("leastGib").GetDouble(), 1e-6, 0.1);
        Assert.Equal(15.75, place.GetProperty("hbmGib").GetDouble());
        Assert.NotEmpty(plan.GetProperty("frontier").EnumerateArray());
        Assert.Equal(JsonValueKind.Object, plan.GetProperty("bestWithinHours").ValueKind);
        Assert.Equal(before, await RunsAsync());
        Assert.False(Directory.Exists(Path.Combine(service.Settings.StateDirectory, "runs", "plan")));
    }

    /// <summary>The ids of all runs; other tests have the same service.</summary>
    private async Task<List<string?>> RunsAsync() =>
        [.. (await service.Http.GetFromJsonAsync<JsonElement>("/runs", Cancellation)).EnumerateArray()
            .Select(run => run.GetProperty("id").GetString())];

    /// <summary>Fewer chips hold more of it each, and an adapter needs less than all weights.</summary>
    [Fact]
    public async Task Plan_OfSlicesAndMethods_CountsWhatEachNeeds()
    {
        var request = Paying();
        request["tpu"]!["acceleratorTypes"] = new JsonArray("v5litepod-1", "v5litepod-8");
        request["tpu"]!["zones"] = new JsonArray("us-west4-a");
        var full = Sizes(await AskAsync(request));
        request["training"]!["method"] = "lora";
        request["training"]!["lora"] = new JsonObject { ["rank"] = 1 };
        var lora = Sizes(await AskAsync(request));

        Assert.True(full[0] > full[1], string.Join(' ', full));
        Assert.True(lora[0] < full[0], $"{lora[0]} {full[0]}");
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(100_000, true)]
    public async Task Plan_OfManySteps_HasThePassesAndWarnsOfTooMany(int steps, bool isWarned)
    {
        var request = Paying();
        request["training"]!["steps"] = steps;

        var plan = await AskAsync(request);

        var pairs = plan.GetProperty("trainPairs").GetInt32();
        Assert.InRange(pairs, 10, 10_000);
        Assert.Equal(steps * 4.0 / pairs, plan.GetProperty("epochs").GetDouble(), 9);
        Assert.Equal(isWarned, plan.GetProperty("notes").EnumerateArray().Any(
            note => note.GetString()!.Contains("passes over the training pairs: above 20", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Plan_OfAnEstimateOverTheBudget_SaysHowTheRunWouldEnd()
    {
        var request = Paying();
        request["budgetUsd"] = 0.01;

        var plan = await AskAsync(request);

        Assert.False(plan.GetProperty("starts").GetBoolean());
        Assert.Equal("BUDGET_BELOW_ESTIMATE", plan.GetProperty("refusal").GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("{", "")]
    [InlineData("{}", "")]
    [InlineData("""{"modle": "x"}""", "")]
    [InlineData(null, "?withinHours=-1")]
    [InlineData(null, "?withinHours=soon")]
    [InlineData(null, "?withinHours=1e999")]
    [InlineData(null, "?withinHours=NaN")]
    public async Task Plan_OfRubbish_IsRefusedAsARunIs(string? body, string query)
    {
        using var content = new StringContent(body ?? Paying().ToJsonString());
        using var answer = await service.Http.PostAsync(
            new Uri($"/plan{query}", UriKind.Relative), content, Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task Plan_OfASliceOfSeveralHosts_HasTheCodeOfTheRun()
    {
        var request = Paying();
        request["tpu"]!["acceleratorTypes"] = new JsonArray("v5litepod-16");
        using var answer = await service.Http.PostAsJsonAsync("/plan", request, Cancellation);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal("SEVERAL_HOSTS_UNSUPPORTED", problem.GetProperty("code").GetString());
    }

    [Fact]
    public async Task Plan_AfterARehearsal_UsesTheRatesThatItMeasured()
    {
        var id = await service.StartAsync(service.Request());
        var report = await service.ReportAsync(id);

        var plan = await AskAsync(service.Request());

        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        Assert.Contains(
            "measured on this machine", plan.GetProperty("notes")[0].GetString(), StringComparison.Ordinal);
        var parts = report.GetProperty("cost").GetProperty("parts").EnumerateArray().ToList();
        Assert.All(parts, part => Assert.True(part.GetProperty("actual").GetDouble() >= 0));
        Assert.True(File.Exists(Path.Combine(service.Settings.StateDirectory, "measured-rates.json")));
    }

    [Fact]
    public async Task Report_OfARun_ComparesTheEstimateWithWhatHappened()
    {
        var report = await service.ReportAsync(await service.StartAsync(service.Request()));

        var cost = report.GetProperty("cost");
        Assert.True(cost.GetProperty("estimatedHours").GetDouble() > 0);
        Assert.True(cost.GetProperty("actualHours").GetDouble() > 0);
        var price = cost.GetProperty("actual").GetDouble() / cost.GetProperty("actualHours").GetDouble();
        Assert.Equal(8 * 0.52536, price, 3);
    }

    private static List<double> Sizes(JsonElement plan) =>
        [.. plan.GetProperty("places").EnumerateArray().Select(each => each.GetProperty("leastGib").GetDouble())];

    private JsonObject Paying()
    {
        var request = service.Request();
        request.Remove("rehearsal");
        request["project"] = "team-project";
        return request;
    }

    private async Task<JsonElement> AskAsync(JsonObject request, string query = "")
    {
        using var answer = await service.Http.PostAsJsonAsync($"/plan{query}", request, Cancellation);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonElement.Parse(text);
    }
}
