using System.Text;
using System.Text.Json;
using Workflows.TestKit;

namespace Workflows.Artifacts.Tests;

/// <summary>The Hub's list of files, damaged or made to lead elsewhere: of safe names, or refused as JSON.</summary>
public sealed class HubListingRubbishTests
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private const string Whole = $$"""
        {"sha": "{{Commit}}", "siblings": [
          {"rfilename": "config.json", "size": 12, "blobId": "aa00"},
          {"rfilename": "d/model.safetensors", "size": 1, "blobId": "bb", "lfs": {"size": 5000000000,
           "sha256": "cc"} }]}
        """;

    [Fact]
    public void Parse_OfTheWhole_HasItsFiles()
    {
        var listing = HubListing.Parse(Encoding.UTF8.GetBytes(Whole));

        Assert.Equal(Commit, listing.Commit);
        Assert.Equal(["config.json", "d/model.safetensors"], listing.Files.Keys);
        Assert.Equal(new HubFile(5_000_000_000, "bb", "cc"), listing.Files["d/model.safetensors"]);
    }

    [Theory]
    [InlineData("\"rfilename\": \"config.json\"", "\"rfilename\": \"../config.json\"")]
    [InlineData("\"rfilename\": \"config.json\"", "\"rfilename\": \"/etc/passwd\"")]
    [InlineData("\"rfilename\": \"config.json\"", "\"rfilename\": \"a/./b\"")]
    [InlineData("\"rfilename\": \"config.json\"", "\"rfilename\": \"a\\\\..\\\\b\"")]
    [InlineData("\"rfilename\": \"config.json\"", "\"rfilename\": \"a\\u0000b\"")]
    [InlineData("\"rfilename\": \"config.json\"", "\"rfilename\": \"a\\u001b[2Jb\"")]
    [InlineData("\"rfilename\": \"config.json\"", "\"rfilename\": \"\\ud800\"")]
    [InlineData("\"rfilename\": \"config.json\"", "\"rfilename\": \"\"")]
    [InlineData("\"rfilename\": \"config.json\"", "\"rfilename\": 7")]
    [InlineData("\"size\": 12", "\"size\": -1")]
    [InlineData("\"size\": 12", "\"size\": 1.5")]
    [InlineData("\"size\": 12", "\"size\": \"12\"")]
    [InlineData("\"size\": 12", "\"size\": 99999999999999999999")]
    [InlineData("\"size\": 12,", "")]
    [InlineData("\"blobId\": \"aa00\"", "\"blobId\": \"../aa\"")]
    [InlineData("\"blobId\": \"aa00\"", "\"blobId\": \"\"")]
    [InlineData("\"blobId\": \"aa00\"", "\"blobId\": \"\\udfff\"")]
    [InlineData("\"sha256\": \"cc\"", "\"sha256\": \"cc/../../x\"")]
    [InlineData("\"sha256\": \"cc\"", "\"sha256\": \"CC\"")]
    [InlineData("\"sha\": \"" + Commit + "\"", "\"sha\": \"main\"")]
    [InlineData("\"sha\": \"" + Commit + "\"", "\"sha\": null")]
    [InlineData("\"sha\": \"" + Commit + "\"", "\"sha\": \"../../../../../../../../../../etc/passwd..\"")]
    [InlineData("\"siblings\": [", "\"siblings\": [7, ")]
    [InlineData("\"siblings\": [", "\"siblings\": [null, ")]
    [InlineData("\"siblings\": [", "\"brothers\": [")]
    public void Parse_OfAHostileList_IsRefusedAsJson(string good, string bad)
    {
        Assert.Contains(good, Whole, StringComparison.Ordinal);

        Assert.Throws<JsonException>(
            () => HubListing.Parse(Encoding.UTF8.GetBytes(Whole.Replace(good, bad, StringComparison.Ordinal))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("null")]
    [InlineData("<html></html>")]
    [InlineData("{\"error\": \"Repository not found\"}")]
    public void Parse_OfAnotherAnswer_IsRefusedAsJson(string json) =>
        Assert.ThrowsAny<JsonException>(() => HubListing.Parse(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void Parse_OfDamagedText_IsSafeOrRefused() => Seeds.Try(600, random =>
    {
        try
        {
            var listing = HubListing.Parse(AnyText.Damage(random, Encoding.UTF8.GetBytes(Whole)));

            Assert.True(HubListing.IsCommit(listing.Commit));
            var root = ArtifactUri.Parse("hf://o/n");
            foreach (var (name, file) in listing.Files)
            {
                Assert.Equal(name, root.Child(name).RelativeTo(root));
                Assert.True(file.Bytes >= 0);
                Assert.True(file.ETag is null || file.ETag.All(char.IsAsciiHexDigitLower), file.ETag);
            }
        }
        catch (JsonException)
        {
        }
    });
}
