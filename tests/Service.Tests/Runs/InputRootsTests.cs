using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Runs;

/// <summary>Requests read no file outside of the folders that the operator allows.</summary>
public sealed class InputRootsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("roots-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Root => _folder["corpora"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void FixOf_PathsBelowARoot_MayBeRead()
    {
        Directory.CreateDirectory(Path.Combine(Root, "2026"));
        Directory.CreateSymbolicLink(Path.Combine(Root, "newest"), Path.Combine(Root, "2026"));
        Directory.CreateSymbolicLink(_folder["alias"], Root);
        var roots = Roots($"{_folder["alias"]}, /srv/other/");

        Assert.All(
            new[] { Root, $"{Root}/a.tsv", $"{Root}/newest/a.tsv", $"{_folder["alias"]}/2026", "/srv/other/b" },
            path => Assert.Null(roots.FixOf(path, InputKind.Pairs)));
    }

    [Fact]
    public void FixOf_PathsThatLeadOut_MayNot()
    {
        Directory.CreateDirectory(Root);
        Directory.CreateDirectory(_folder["corpora-private"]);
        File.CreateSymbolicLink(Path.Combine(Root, "link.tsv"), "/etc/passwd");
        Directory.CreateSymbolicLink(Path.Combine(Root, "up"), "..");
        File.CreateSymbolicLink(Path.Combine(Root, "circle"), Path.Combine(Root, "circle"));
        var roots = Roots(Root);

        Assert.All(
            new[]
            {
                "/etc/passwd", "/", _folder["corpora-private"], Path.GetFullPath($"{Root}/../secret.tsv"),
                $"{Root}/link.tsv", $"{Root}/up/secret.tsv", $"{Root}/circle", $"{Root}/circle/a",
            },
            path => Assert.Contains(Root, roots.FixOf(path, InputKind.Pairs), StringComparison.Ordinal));
    }

    /// <summary>An advice that the next request is refused for is none: uploads take no models, scenarios no
    /// addresses.</summary>
    [Theory]
    [InlineData("Model", "", "Name gs:// or hf://. Workflows:InputRoots can allow folders.")]
    [InlineData("Model", "/srv/models", "Name gs:// or hf://, or a path below /srv/models.")]
    [InlineData(
        "Model", "/srv/models,hf://ours", "Name an address below hf://ours, or a path below /srv/models.")]
    [InlineData(
        "Pairs", "gs://ours", "Upload it (PUT /files/NAME, or workflows files put FILE) and name upload://NAME, "
            + "or name an address below gs://ours. Workflows:InputRoots can allow folders.")]
    [InlineData(
        "Scenario", "/srv/models,gs://ours",
        "Upload it (PUT /files/NAME, or workflows files put FILE) and name upload://NAME, or a path below "
            + "/srv/models.")]
    public void FixOf_APlaceOutside_NamesThePlacesOfItsField(string kind, string roots, string expected) =>
        Assert.Equal(expected, Roots(roots).FixOf("/etc/a", Enum.Parse<InputKind>(kind)));

    [Fact]
    public void FixOfAddress_WithAnAddressAmongTheRoots_IsConfinedToIt()
    {
        var roots = Roots("gs://corpora/2026,hf://datasets/ours").With("gs://artifacts/files/content");

        Assert.All(
            new[] { "gs://corpora/2026/a.tsv", "hf://datasets/ours/x", "gs://artifacts/files/content/ab/a.tsv" },
            address => Assert.Null(roots.FixOfAddress(address)));
        Assert.All(
            new[] { "gs://corpora/2026-private/a.tsv", "gs://corpora", "hf://google/gemma-3-1b-it" },
            address => Assert.NotNull(roots.FixOfAddress(address)));
        Assert.Null(Roots(Root).FixOfAddress("gs://any/a.tsv"));
    }

    [Theory]
    [InlineData("corpora")]
    [InlineData("/data,s3://bucket")]
    [InlineData("http://host/x")]
    public void Of_APlaceThatIsNone_IsRefused(string setting)
    {
        var fault = Assert.Throws<ServiceStartException>(() => Roots(setting));

        Assert.Contains("Workflows:InputRoots", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, false, true)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    public void Of_WithoutASetting_AllowsPathsOnThisMachineAlone(bool isOpen, bool hasMessages, bool isAllowed)
    {
        var settings = new ServiceSettings();
        settings.PubSub.Subscription = hasMessages ? "projects/p/subscriptions/s" : null;

        var fix = InputRoots.Of(settings, isOpen).FixOf("/srv/a.tsv", InputKind.Pairs);

        Assert.Equal(isAllowed, fix is null);
        Assert.True(isAllowed || fix!.Contains("upload://NAME", StringComparison.Ordinal), fix);
    }

    /// <summary>Every entrance looks at the paths, and before it looks at the files: the answer does not tell whether a
    /// file exists. Uploaded files can be named all the same.</summary>
    [Fact]
    public async Task Requests_WithAPathOutsideTheRoots_AreRefusedAtEveryEntrance()
    {
        await using var service = new RunningService();
        service.Settings.InputRoots = Path.Combine(service.Folder, "model");
        await service.InitializeAsync();
        var secret = Path.Combine(service.Folder, "pairs.tsv");
        var request = service.Request();
        request["rehearsal"] = new System.Text.Json.Nodes.JsonObject();

        foreach (var path in new[] { secret, "/no/such/file.tsv", $"file://{secret}" })
        {
            request["data"]!["train"] = path;
            foreach (var entrance in new[] { "/runs", "/plan", "/doctor" })
            {
                using var answer = await service.Http.PostAsJsonAsync(entrance, request, Cancellation);
                var body = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);

                Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
                var error = Assert.Single(body.GetProperty("errors").EnumerateArray());
                Assert.Equal("data.train", error.GetProperty("field").GetString());
                Assert.Equal(
                    $"'{path}' is not in a folder that requests may name here.",
                    error.GetProperty("message").GetString());
            }
        }

        using var put = await service.Http.PutAsync(
            "/files/pairs.tsv", new ByteArrayContent(await File.ReadAllBytesAsync(secret, Cancellation)), Cancellation);
        request["data"]!["train"] = "upload://pairs.tsv";
        using var plan = await service.Http.PostAsJsonAsync("/plan", request, Cancellation);

        Assert.Equal(HttpStatusCode.OK, plan.StatusCode);
    }

    private static InputRoots Roots(string setting) =>
        InputRoots.Of(new ServiceSettings { InputRoots = setting }, isOpen: false);
}
