using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Service.Hosting;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>The limits of the whole service over HTTP: start, resume, plan, doctor and GET /spending.</summary>
public sealed class SpendingTests(RunningService service) : IClassFixture<RunningService>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Limit_BelowTheBudget_RefusesStartAndResumptionAndTheRestSaysSo()
    {
        service.Settings.MaxUsdPerDay = null;

        // Without a bucket a run that pays ends before anything is rented.
        var id = await service.StartAsync(Paying());
        await service.WaitAsync(id, run => run.GetProperty("hasEnded").GetBoolean());
        service.Settings.MaxUsdPerDay = 5;

        await RefusedAsync("/runs", Paying());
        await RefusedAsync($"/runs/{id}/resume", []);

        var plan = await AskAsync("/plan", Paying());
        Assert.Equal("SPEND_LIMIT_REACHED", plan.GetProperty("refusal").GetProperty("code").GetString());
        Assert.Contains(
            plan.GetProperty("notes").EnumerateArray(),
            note => note.GetString()!.Contains("Workflows:MaxUsdPerMonth is not set", StringComparison.Ordinal));
        var doctor = await AskAsync("/doctor", Paying());
        var line = doctor.GetProperty("lines").EnumerateArray()
            .Single(each => each.GetProperty("check").GetString() == "spending");
        Assert.Equal("fail", line.GetProperty("level").GetString());
        var spending = await service.Http.GetFromJsonAsync<JsonElement>("/spending", Cancellation);
        Assert.Equal(5, spending.GetProperty("day").GetProperty("limitUsd").GetDouble());
        Assert.Equal(0, spending.GetProperty("day").GetProperty("reservedUsd").GetDouble());
        Assert.Empty(spending.GetProperty("runs").EnumerateArray());

        var small = Paying();
        small["budgetUsd"] = 5;
        Assert.NotEqual(
            "SPEND_LIMIT_REACHED", (await AskAsync("/plan", small)).TryGetProperty("refusal", out var refusal)
                && refusal.ValueKind == JsonValueKind.Object ? refusal.GetProperty("code").GetString() : null);
        using var rehearsal = await service.Http.PostAsJsonAsync("/runs", service.Request(), Cancellation);
        Assert.Equal(HttpStatusCode.Accepted, rehearsal.StatusCode);
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(1, double.NaN)]
    [InlineData(2e9, 1)]
    public void Build_WithALimitThatCannotBe_NamesTheSetting(double day, double month)
    {
        var settings = new ServiceSettings
        {
            StateDirectory = Path.Combine(service.Folder, "other"),
            HttpPort = 0,
            MaxUsdPerDay = day,
            MaxUsdPerMonth = month,
        };

        var fault = Assert.Throws<ServiceStartException>(
            () => WorkflowsService.Build([], settings, isEmbedded: true));

        Assert.Contains(
            day is < 0 or > 1e9 ? "'Workflows:MaxUsdPerDay' cannot be" : "'Workflows:MaxUsdPerMonth' cannot be",
            fault.Message, StringComparison.Ordinal);
    }

    private JsonObject Paying()
    {
        var request = service.Request();
        request.Remove("rehearsal");
        request["project"] = "team-project";
        return request;
    }

    private async Task RefusedAsync(string path, JsonObject body)
    {
        using var answer = await service.Http.PostAsJsonAsync(path, body, Cancellation);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        Assert.Equal("SPEND_LIMIT_REACHED", problem.GetProperty("code").GetString());
        var error = problem.GetProperty("errors")[0];
        Assert.Equal("budgetUsd", error.GetProperty("field").GetString());
        Assert.Contains("MaxUsdPerDay is 5.00 USD", error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    private async Task<JsonElement> AskAsync(string path, JsonObject request)
    {
        using var answer = await service.Http.PostAsJsonAsync(path, request, Cancellation);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonElement.Parse(text);
    }
}
