using Workflows.Service.Logs;

namespace Workflows.Service.Tests.Logs;

/// <summary>Credentials that somebody else's text may have, and words that only look like them.</summary>
public sealed class SecretTextTests
{
    /// <summary>35 characters, as they follow the beginning of Google's keys.</summary>
    private const string Rest = "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY";

    [Theory]
    [InlineData("Host=db;Password=a/b+c=!;Database=x", "Host=db;Password=[secret];Database=x")]
    [InlineData("Host=db;password = a b;Database=x", "Host=db;password = [secret] b;Database=x")]
    [InlineData("Server=db;Pwd=secret", "Server=db;Pwd=[secret]")]
    [InlineData("Password=\"a;\"\"b\";Host=x", "Password=[secret];Host=x")]
    [InlineData("Password='a;''b c';Host=x", "Password=[secret];Host=x")]
    [InlineData("Password=\"it was cut he", "Password=[secret]")]
    [InlineData("AccountName=a;AccountKey=YWJj/+==;Endpoint=x", "AccountName=a;AccountKey=[secret];Endpoint=x")]
    [InlineData("key AIza" + Rest + ", which is refused", "key [secret], which is refused")]
    [InlineData("https://x/o?key=AIza" + Rest + "&alt=json", "https://x/o?key=[secret]&alt=json")]
    [InlineData("https://x/o?a=1&X-Goog-Signature=0a1b&b=2", "https://x/o?a=1&X-Goog-Signature=[secret]&b=2")]
    [InlineData("https://x/o?x-goog-signature=0a1b", "https://x/o?x-goog-signature=[secret]")]
    [InlineData("'https://x/o?sv=1&sig=a%2Bb%3D' is gone", "'https://x/o?sv=1&sig=[secret]' is gone")]
    public void Without_ACredential_HidesItAndNothingElse(string text, string shown) =>
        Assert.Equal(shown, SecretText.Without(text));

    [Theory]
    [InlineData("The password of the database is wrong.")]
    [InlineData("Password authentication failed for user 'a'; check Password and Pwd.")]
    [InlineData("Host=db;Password=;Database=x")]
    [InlineData("NoPassword2=no")]
    [InlineData("AIza is how keys begin, as AIzaSyD-9tSrke does")]
    [InlineData("aiza" + Rest)]
    [InlineData("AIza" + Rest + "1")]
    [InlineData("xAIza" + Rest)]
    [InlineData("sig=3 and design=4 &design=5 ?mysig=6")]
    [InlineData("X-Goog-Signature is missing")]
    [InlineData("https://x/o?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Expires=60")]
    public void Without_WordsThatLookLikeCredentials_LeavesThem(string text) =>
        Assert.Equal(text, SecretText.Without(text));

    [Fact]
    public void Hide_ASecretWithoutAForm_HidesItEverywhereAndNoWordThatIsShort()
    {
        SecretText.Hide("short");
        SecretText.Hide("Kx9-a-token-of-a-store");
        SecretText.Hide("Kx9-a-token-of-a-store-and-more");

        Assert.Equal(
            "in short: [secret], [secret]!",
            SecretText.Without("in short: Kx9-a-token-of-a-store-and-more, Kx9-a-token-of-a-store!"));
    }
}
