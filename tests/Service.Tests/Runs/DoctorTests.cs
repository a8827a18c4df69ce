using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Cloud.Tpu.V2;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Readiness;
using Workflows.Artifacts;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Runs;

/// <summary>What the doctor says of emulated clouds and their faults, and what a run that pays does with it.</summary>
public sealed class DoctorTests : IAsyncLifetime
{
    private const string Secret = "hf_very_secret";
    private readonly TemporaryFolder _cache = new("hub-cache-");
    private FakeHub _hub = null!;
    private RunningService _service = null!;
    private Uri? _storage;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _hub = await FakeHub.StartAsync();
        _service = new RunningService
        {
            Change = services =>
            {
                // Known before anything is made, in whatever order that happens.
                var options = services.Select(each => each.ImplementationInstance).OfType<EmulatorOptions>().Single();
                _storage = new Uri($"http://{options.StorageHost}");
                services.AddSingleton<Func<Uri?, ArtifactStores>>(emulator => new ArtifactStores(
                    emulator ?? _storage,
                    new HubSettings { Endpoint = _hub.Address, Cache = _cache.Path, Token = Secret },
                    TimeProvider.System, TimeSpan.FromMilliseconds(1)));

                // The emulator stands for Google, for runs that pay, too.
                var rest = new GoogleRest(new Uri($"http://{options.RestHost}"), _storage);
                services.Replace(ServiceDescriptor.Singleton(new GoogleServices(rest, rest)));
                var real = services.Last(each => each.ServiceType == typeof(ITpuCloud));
                services.Replace(ServiceDescriptor.Singleton<ITpuCloud>(provider =>
                    new EmulatedCloud((ITpuCloud)real.ImplementationFactory!(provider))));
            },
        };
        await _service.InitializeAsync();
        foreach (var path in Directory.EnumerateFiles(Path.Combine(_service.Folder, "model")))
        {
            _hub.Files[Path.GetFileName(path)] = await File.ReadAllBytesAsync(path, Cancellation);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        await _hub.DisposeAsync();
        _cache.Dispose();
    }

    [Fact]
    public async Task Doctor_OfARehearsalWithoutFaults_IsReadyAndTellsNoSecret()
    {
        var request = _service.Request();
        request["model"] = "hf://google/tiny";

        var found = await AskAsync(request);

        Assert.True(found.GetProperty("ready").GetBoolean(), $"{found}");
        Assert.Equal(
            [
                "disk", "memory", "engine", "request", "credentials", "project", "api", "rights", "zones", "quota",
                "model",
            ],
            Lines(found).Select(line => line.GetProperty("check").GetString()));
        Assert.Contains(FakeHub.Commit, Finding(found, "model"), StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, $"{found}", StringComparison.Ordinal);
        Assert.Empty((await _service.Http.GetFromJsonAsync<JsonElement>("/runs", Cancellation)).EnumerateArray());
    }

    [Theory]
    [InlineData("api", "fail", """{"apiDisabled": true}""", "gcloud services enable tpu.googleapis.com --project=")]
    [InlineData("rights", "fail", """{"deniedPermissions": ["tpu.nodes.create"]}""", "--role=roles/tpu.admin")]
    [InlineData("zones", "warn", """{"zones": {"us-west4-a": {"acceleratorTypes": ["v6e-8"]}}}""", "tpu.zones")]
    [InlineData(
        "zones", "fail",
        """
        {"zones": {"us-west4-a": {"acceleratorTypes": []}, "us-west1-c": {"acceleratorTypes": ["v4-8"]}}}
        """, "gcloud compute tpus accelerator-types list")]
    [InlineData(
        "quota", "warn",
        """{"zones": {"us-west4-a": {"quota": {"TPUV5sLitepodServingPerProjectPerZoneForTPUAPI": 4}}}}""",
        "https://console.cloud.google.com/iam-admin/quotas")]
    public async Task Doctor_OfAnEmulatedFault_NamesItAndTheFix(string check, string level, string scenario, string fix)
    {
        var found = await AskAsync(_service.Request(scenario));

        var line = Lines(found).Single(each => each.GetProperty("check").GetString() == check);
        Assert.True(line.GetProperty("level").GetString() == level, $"{found}");
        Assert.Contains(fix, line.GetProperty("fix").GetString(), StringComparison.Ordinal);
        Assert.Equal(level != "fail", found.GetProperty("ready").GetBoolean());
    }

    [Theory]
    [InlineData("{}", "ok", "and queued resources, which need the same rights")]
    [InlineData("""{"deniedPermissions": ["tpu.nodes.delete"]}""", "fail", "has no tpu.nodes.delete in")]
    public async Task Doctor_OfARequestForQueuedResources_NamesTheirRights(string scenario, string level, string words)
    {
        var request = _service.Request(scenario);
        request["tpu"]!["request"] = "queued-resource";

        var found = await AskAsync(request);

        var line = Lines(found).Single(each => each.GetProperty("check").GetString() == "rights");
        Assert.Equal(level, line.GetProperty("level").GetString());
        Assert.Contains(words, Finding(found, "rights"), StringComparison.Ordinal);
        Assert.Contains("ueued resources", Finding(found, "rights"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_OfAGatedModel_SaysWhereToAcceptTheLicence()
    {
        // The list is shown to everybody, the files are not.
        _hub.Before = async context =>
        {
            if (!context.Request.Path.Value!.Contains("/resolve/", StringComparison.Ordinal))
            {
                return false;
            }

            await FakeHub.RefuseAsync(context, 403, "GatedRepo", "Access is restricted");
            return true;
        };
        var request = _service.Request();
        request["model"] = "hf://google/tiny";

        var found = await AskAsync(request);

        Assert.False(found.GetProperty("ready").GetBoolean());
        var line = Lines(found).Single(each => each.GetProperty("check").GetString() == "model");
        Assert.Contains("Accept the licence", line.GetProperty("fix").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, $"{found}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_WithoutARequest_LooksAtThisMachine()
    {
        using var answer = await _service.Http.PostAsync(new Uri("/doctor", UriKind.Relative), null, Cancellation);
        var found = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);

        Assert.Equal(
            ["disk", "memory", "engine", "request"],
            Lines(found).Select(line => line.GetProperty("check").GetString()));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("""{"modle": "x"}""")]
    public async Task Doctor_OfRubbish_IsRefusedAsARunIs(string json)
    {
        using var content = new StringContent(json);
        using var answer = await _service.Http.PostAsync(
            new Uri("/doctor", UriKind.Relative), content, Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task ARunThatPays_OnACloudThatIsNotReady_EndsBeforeItsPlanWithEveryFix()
    {
        var id = await _service.StartAsync(Paying());
        var report = await _service.ReportAsync(id);

        var failure = report.GetProperty("failure");
        Assert.Equal("CLOUD_NOT_READY", failure.GetProperty("code").GetString());
        Assert.Contains("Workflows:Artifacts", failure.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Contains("Workflows:WorkerImage", failure.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Contains(
            "Workflows:GatewayAddress is not set", failure.GetProperty("message").GetString(),
            StringComparison.Ordinal);
        Assert.Contains("workflows doctor", failure.GetProperty("fix").GetString(), StringComparison.Ordinal);
        Assert.Empty(report.GetProperty("attempts").EnumerateArray());
    }

    [Fact]
    public async Task ARunThatPays_SharingNothingButABucket_GoesToItsVerdict()
    {
        var own = Array.Find(
            await Dns.GetHostAddressesAsync(Dns.GetHostName(), Cancellation),
            address => address.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(address));
        Assert.SkipWhen(own is null, "This machine has no address besides loopback, which no TPU VM could reach.");
        using var folder = new TemporaryFolder("gateway-");
        using var port = ReservedPort.Take();
        WriteCertificate(folder);
        await _service.RestartAsync(settings =>
        {
            settings.Artifacts = "gs://team-bucket/workflows";
            settings.WorkerImage = "registry.example/team/worker:1";
            settings.GatewayAddress = new Uri($"https://{own}:{port.Number}");
            settings.GatewayPort = port.Number;
            (settings.GatewayCertificate, settings.GatewayKey) = (folder["cert.pem"], folder["key.pem"]);
        });
        _ = await AskAsync(Paying());
        using var bucket = new StorageArtifactStore(_storage);
        await bucket.CreateBucketAsync("team-bucket", "team-project", Cancellation);
        var request = Paying();
        request["model"] = "hf://google/tiny";
        request["tpu"]!["zones"] = new JsonArray("us-west4-a");

        var gateway = Lines(await AskAsync(request)).Single(line => line.GetProperty("check").GetString() == "gateway");
        var id = await _service.StartAsync(request);
        var report = await _service.ReportAsync(id);

        Assert.Contains("leads here", gateway.GetProperty("finding").GetString(), StringComparison.Ordinal);
        Assert.True(report.GetProperty("status").GetString() == "succeeded", $"{report}");
        Assert.True(Assert.Single(report.GetProperty("teardown").EnumerateArray())
            .GetProperty("confirmedNotFound").GetBoolean());
        var trees = new ArtifactTree(bucket);
        foreach (var part in new[] { "models", $"runs/{id}/tuned", $"runs/{id}/checkpoints" })
        {
            var root = ArtifactUri.Parse($"gs://team-bucket/workflows/{part}");
            Assert.NotEmpty(await trees.ListAsync(root, Cancellation));
            Assert.Empty(await trees.UnreachableAsync(root, Cancellation));
        }
    }

    [Fact]
    public async Task Doctor_OfARunThatPays_LooksAtBucketImageAndGateway()
    {
        await using var registry = await FakeRegistry.StartAsync();
        await _service.RestartAsync(settings =>
        {
            settings.Artifacts = "gs://team-bucket/workflows";
            settings.WorkerImage = $"{registry.Host}/team/worker:1";
            settings.GatewayAddress = new Uri("http://10.1.2.3:8081");
        });

        var missing = await AskAsync(Paying());
        using var bucket = new StorageArtifactStore(_storage);
        await bucket.CreateBucketAsync("team-bucket", "team-project", Cancellation);
        var made = await AskAsync(Paying());

        Assert.Contains(
            "gcloud storage buckets create gs://team-bucket", Fix(missing, "bucket"), StringComparison.Ordinal);
        Assert.Equal("ok", Level(made, "bucket"));
        Assert.Equal("warn", Level(made, "bucket place"));
        Assert.Contains("us-central1", Finding(made, "bucket place"), StringComparison.Ordinal);
        Assert.Contains("team-vm@", Fix(made, "bucket worker"), StringComparison.Ordinal);
        Assert.Equal("ok", Level(made, "image"));
        Assert.Contains("plain text", Finding(made, "gateway"), StringComparison.Ordinal);
        await foreach (var left in bucket.ListAsync(ArtifactUri.Parse("gs://team-bucket"), Cancellation))
        {
            Assert.Fail($"{left.Uri} was left behind.");
        }

        Assert.Equal("ok", Level(made, "bucket rest"));
        await bucket.WriteBytesAsync(
            ArtifactUri.Parse("gs://team-bucket/workflows/models/sha256-1/config.json"), [1], WriteCondition.None,
            Cancellation);
        var halfBrought = await AskAsync(Paying());
        Assert.Equal("warn", Level(halfBrought, "bucket rest"));
        Assert.Contains("sha256-1 (1 files)", Finding(halfBrought, "bucket rest"), StringComparison.Ordinal);
        Assert.EndsWith(
            "gcloud storage rm -r gs://team-bucket/workflows/models/sha256-1", Fix(halfBrought, "bucket rest"),
            StringComparison.Ordinal);

        registry.Tag = "2";
        Assert.StartsWith("docker push", Fix(await AskAsync(Paying()), "image"), StringComparison.Ordinal);
    }

    private static void WriteCertificate(TemporaryFolder folder)
    {
        using var key = RSA.Create(2048);
        var now = TimeProvider.System.GetUtcNow();
        using var made = new CertificateRequest(
            "CN=gateway.example", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
        folder.Write("cert.pem", made.ExportCertificatePem());
        folder.Write("key.pem", key.ExportPkcs8PrivateKeyPem());
    }

    private JsonObject Paying()
    {
        var request = _service.Request();
        request.Remove("rehearsal");
        request["project"] = "team-project";
        request["allowHostProcessor"] = true;
        request["tpu"]!["serviceAccount"] = "team-vm@team-project.iam.gserviceaccount.com";
        return request;
    }

    private async Task<JsonElement> AskAsync(JsonObject request)
    {
        using var answer = await _service.Http.PostAsJsonAsync("/doctor", request, Cancellation);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonElement.Parse(text);
    }

    private static JsonElement.ArrayEnumerator Lines(JsonElement found) =>
        found.GetProperty("lines").EnumerateArray();

    private static string Finding(JsonElement found, string check) => Of(found, check, "finding");

    private static string Fix(JsonElement found, string check) => Of(found, check, "fix");

    private static string Level(JsonElement found, string check) => Of(found, check, "level");

    private static string Of(JsonElement found, string check, string property) =>
        Lines(found).Single(line => line.GetProperty("check").GetString() == check)
            .TryGetProperty(property, out var text) ? text.GetString()! : "";

    /// <summary>Gives every project the emulator's connection.</summary>
    private sealed class EmulatedCloud(ITpuCloud inner) : ITpuCloud
    {
        public Task<TpuConnection> ConnectAsync(
            string project, bool isRehearsal, CancellationToken cancellationToken) =>
            inner.ConnectAsync(project, isRehearsal: true, cancellationToken);
    }
}
