using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Service.Runs;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>Requests that are too long, too deep, of the wrong files, or made again: problem+json.</summary>
public sealed class HostileRequestTests(RunningService service) : IClassFixture<RunningService>
{
    [Theory]
    [InlineData("name", 200)]
    [InlineData("id", 100)]
    [InlineData("project", 100)]
    [InlineData("direction", 100)]
    [InlineData("model", 4096)]
    [InlineData("data.train", 8192)]
    [InlineData("tpu.network", 1000)]
    [InlineData("tpu.zones", 100)]
    [InlineData("training.method", 100)]
    [InlineData("training.lora.targets", 100)]
    [InlineData("rehearsal.scenario", 4096)]
    public async Task Post_TextOfMillions_NamesFieldLengthAndLimit(string field, int limit)
    {
        var request = service.Request();
        var text = new string('n', 4_000_000);
        Put(request, field, field.EndsWith('s') ? new JsonArray(text) : text);

        using var answer = await service.Http.PostAsJsonAsync("/runs", request);

        var (code, errors) = await ProblemAsync(answer, HttpStatusCode.BadRequest);
        Assert.Equal("REQUEST_INVALID", code);
        Assert.Equal(field, Assert.Single(errors).Field);
        Assert.Contains($"4000000 characters, {limit} at most", errors[0].Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(9 << 20, HttpStatusCode.RequestEntityTooLarge, "REQUEST_TOO_LARGE")]
    [InlineData(100, HttpStatusCode.BadRequest, "REQUEST_INVALID")]
    public async Task Post_BodyOfBrackets_IsRefusedBySizeOrDepth(int length, HttpStatusCode status, string code)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, "/runs");
        message.Content = new StringContent(new string('[', length));

        // The server closes a connection whose body it does not want; a client that asks first hears why.
        message.Headers.ExpectContinue = true;
        using var answer = await service.Http.SendAsync(message);

        Assert.Equal(code, (await ProblemAsync(answer, status)).Code);
    }

    [Fact]
    public async Task Post_SameKeyAfterTheFilesWereMoved_IsTheSameRun()
    {
        var pairs = Path.Combine(service.Folder, "moved.tsv");
        File.Copy(Path.Combine(service.Folder, "pairs.tsv"), pairs);
        var request = service.Request();
        request["data"]!["train"] = pairs;
        var (first, _) = await PostAsync(request, "moved");
        await service.ReportAsync(first.GetProperty("id").GetString()!);
        File.Delete(pairs);
        File.Delete(request["rehearsal"]!["scenario"]!.GetValue<string>());

        var (again, status) = await PostAsync(request, "moved");

        Assert.Equal(HttpStatusCode.Accepted, status);
        Assert.Equal(first.GetProperty("id").GetString(), again.GetProperty("id").GetString());
        Assert.True(again.GetProperty("wasThere").GetBoolean());
    }

    [Fact]
    public async Task Post_SameKeyWithAnotherBody_Answers409NamingTheKey()
    {
        var request = service.Request();
        await PostAsync(request, "key-of-mine");
        request["budgetUsd"] = 3;

        var (problem, status) = await PostAsync(request, "key-of-mine");

        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Equal("IDEMPOTENCY_KEY_REUSED", problem.GetProperty("code").GetString());
        Assert.Contains("'key-of-mine'", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("key-first", "key-second")]
    [InlineData("key-third", null)]
    [InlineData(null, "key-fourth")]
    public async Task Post_SameKeyWithAnotherId_Answers409AndStartsNothing(string? first, string? second)
    {
        var key = $"{first}/{second}";
        var (started, _) = await PostAsync(Named(first), key);
        var before = await service.Http.GetFromJsonAsync<JsonElement>("/runs");

        var (problem, status) = await PostAsync(Named(second), key);

        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Equal("IDEMPOTENCY_KEY_REUSED", problem.GetProperty("code").GetString());
        Assert.Contains(
            $"started run '{started.GetProperty("id").GetString()}'", problem.GetProperty("detail").GetString(),
            StringComparison.Ordinal);
        var after = await service.Http.GetFromJsonAsync<JsonElement>("/runs");
        Assert.Equal(before.GetArrayLength(), after.GetArrayLength());
        var (again, _) = await PostAsync(Named(first), key);
        Assert.True(again.GetProperty("wasThere").GetBoolean());
    }

    [Fact]
    public async Task Post_OneKeyAndManyIdsAtOnce_StartsOneRun()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(
            each => PostAsync(Named($"at-once-{each}"), "key-of-many")));

        Assert.Single(answers, answer => answer.Status == HttpStatusCode.Accepted);
        Assert.Equal(7, answers.Count(answer => answer.Status == HttpStatusCode.Conflict));
    }

    [Fact]
    public async Task Post_KeyWhoseRequestWasRefused_IsFree()
    {
        await PostAsync(Named("taken-id"), "key-of-taken");
        var other = Named("taken-id");
        other["budgetUsd"] = 3;

        var (problem, status) = await PostAsync(other, "key-of-refused");
        var (_, next) = await PostAsync(Named("free-id"), "key-of-refused");

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("id", problem.GetProperty("errors")[0].GetProperty("field").GetString());
        Assert.Equal(HttpStatusCode.Accepted, next);
    }

    private JsonObject Named(string? id)
    {
        var request = service.Request();
        if (id is not null)
        {
            request["id"] = id;
        }

        return request;
    }

    [Theory]
    [InlineData("")]
    [InlineData("long")]
    public async Task Post_KeyThatCannotBe_IsRefused(string key)
    {
        var (problem, status) = await PostAsync(service.Request(), key == "long" ? new string('k', 256) : key);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("Idempotency-Key", problem.GetProperty("errors")[0].GetProperty("field").GetString());
    }

    [Theory]
    [InlineData("GET", "/runs/nobody/events?after=abc", HttpStatusCode.BadRequest, "REQUEST_INVALID")]
    [InlineData("GET", "/runs/nobody/events?after=-1", HttpStatusCode.BadRequest, "REQUEST_INVALID")]
    [InlineData("GET", "/runs/nobody/events", HttpStatusCode.NotFound, "RUN_UNKNOWN")]
    [InlineData("PUT", "/runs", HttpStatusCode.MethodNotAllowed, "METHOD_NOT_ALLOWED")]
    [InlineData("PATCH", "/runs/nobody", HttpStatusCode.MethodNotAllowed, "METHOD_NOT_ALLOWED")]
    [InlineData("POST", "/files/x.tsv", HttpStatusCode.MethodNotAllowed, "METHOD_NOT_ALLOWED")]
    [InlineData("PUT", "/dashboard/run.js", HttpStatusCode.MethodNotAllowed, "METHOD_NOT_ALLOWED")]
    [InlineData("GET", "/nothing/at-all", HttpStatusCode.NotFound, "PATH_UNKNOWN")]
    [InlineData("GET", "/nothing", HttpStatusCode.NotFound, "PATH_UNKNOWN")]
    public async Task AnyCall_ThatTheApiLacks_AnswersAProblemWithACode(
        string method, string path, HttpStatusCode status, string code)
    {
        using var message = new HttpRequestMessage(new HttpMethod(method), path);

        using var answer = await service.Http.SendAsync(message);

        Assert.Equal(code, (await ProblemAsync(answer, status)).Code);
    }

    [Fact]
    public async Task Post_WrongRequest_IsNoErrorInTheLog()
    {
        using var content = new StringContent("{\"name\": 5}");
        using var answer = await service.Http.PostAsync("/runs", content);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);

        var path = Path.Combine(service.Settings.StateDirectory, "service.log");
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        var log = await reader.ReadToEndAsync();

        Assert.Contains("Refused POST /runs: name: ", log, StringComparison.Ordinal);
        Assert.DoesNotContain("unhandled exception", log, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Health_Answer_TellsNoPath()
    {
        var health = await service.Http.GetStringAsync("/healthz");

        Assert.DoesNotContain("/", health, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data.train")]
    [InlineData("data.test")]
    [InlineData("data.validation")]
    [InlineData("model")]
    [InlineData("rehearsal.scenario")]
    public async Task Post_PathOfAPipeADeviceAFolderOrARelativeOne_IsRefusedByField(string field)
    {
        var pipe = Path.Combine(service.Folder, $"{Guid.NewGuid():N}.tsv");
        using (var made = Process.Start("mkfifo", pipe))
        {
            await made.WaitForExitAsync();
        }

        var large = Path.Combine(service.Folder, "large.tsv");
        using (var file = File.Create(large))
        {
            file.SetLength(5L << 30);
        }

        string[] paths = field == "model"
            ? [FolderWith(pipe), FolderWith("/dev/zero"), FolderWith(large), "model"]
            : [pipe, "/dev/zero", service.Folder, large, "pairs.tsv"];
        foreach (var path in paths)
        {
            var request = service.Request();
            request["training"]!["validation"] = new JsonObject();
            Put(request, field, path);

            using var answer = await service.Http.PostAsJsonAsync("/runs", request);

            var (_, errors) = await ProblemAsync(answer, HttpStatusCode.BadRequest);
            Assert.Contains(errors, error => error.Field == field);
            Assert.Equal(
                path[0] != '/', errors.Any(error => error.Fix.Contains("absolute", StringComparison.Ordinal)));
        }
    }

    /// <summary>A model's folder whose tokenizer is that file.</summary>
    private string FolderWith(string tokenizer)
    {
        var folder = Directory.CreateDirectory(Path.Combine(service.Folder, $"{Guid.NewGuid():N}")).FullName;
        File.Copy(Path.Combine(service.Folder, "model", "config.json"), Path.Combine(folder, "config.json"));
        File.CreateSymbolicLink(Path.Combine(folder, "tokenizer.json"), tokenizer);
        return folder;
    }

    private static void Put(JsonObject request, string field, JsonNode? value)
    {
        var steps = field.Split('.');
        foreach (var step in steps[..^1])
        {
            request = (JsonObject)(request[step] ??= new JsonObject());
        }

        request[steps[^1]] = value;
    }

    private async Task<(JsonElement Body, HttpStatusCode Status)> PostAsync(JsonObject request, string key)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, "/runs");
        message.Content = new StringContent(request.ToJsonString(), Encoding.UTF8, "application/json");
        message.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        using var answer = await service.Http.SendAsync(message);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(), answer.StatusCode);
    }

    private static async Task<(string Code, List<FieldError> Errors)> ProblemAsync(
        HttpResponseMessage answer, HttpStatusCode status)
    {
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == status, $"{answer.StatusCode}: {body}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = JsonSerializer.Deserialize<JsonElement>(body);
        return (
            problem.GetProperty("code").GetString()!,
            problem.TryGetProperty("errors", out var errors)
                ? errors.Deserialize<List<FieldError>>(JsonSerializerOptions.Web)!
                : []);
    }
}
