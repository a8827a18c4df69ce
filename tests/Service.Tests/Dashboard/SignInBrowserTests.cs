using Workflows.Service.Access;
using Workflows.Service.Tests.Access;

namespace Workflows.Service.Tests.Dashboard;

/// <summary>The sign-in in a browser, with every content security policy in force.</summary>
public sealed class SignInBrowserTests(KeyedService service) : IClassFixture<KeyedService>
{
    [Fact]
    public async Task SignIn_WithAWrongAndARightKey_LeadsToTheRunsAndOutAgain()
    {
        await using var browser = await Browser.StartAsync(keepsPolicy: true);
        await browser.PreferAsync("light", "en", 1000);
        var home = new Uri(service.Nobody.BaseAddress!, "/");
        await browser.OpenAsync(home, "document.querySelector('input[name=key]')");
        Assert.Equal("0", await browser.TextAsync("document.scripts.length"));

        await PasteAsync(browser, "wfk_wrong");
        await browser.UntilAsync("document.querySelector('[role=alert]')");

        await PasteAsync(browser, service.Keys[AccessRole.Admin]);
        await browser.UntilAsync("document.querySelector('main h1') && !document.getElementById('leave').hidden");
        Assert.Equal("/", await browser.TextAsync("location.pathname + location.search"));
        Assert.Equal("", await browser.TextAsync("document.cookie"));

        // A change of the page's own is taken, with the cookie.
        Assert.Equal(
            "200", await browser.TextAsync("fetch('/zones', { method: 'DELETE' }).then((each) => each.status)"));

        await browser.RunAsync("document.getElementById('leave').click()");
        await browser.UntilAsync("document.querySelector('input[name=key]')");
        await browser.OpenAsync(home, "document.querySelector('input[name=key]')");
    }

    private static Task PasteAsync(Browser browser, string key) => browser.RunAsync(
        $"document.querySelector('input[name=key]').value = '{key}'; document.querySelector('form').requestSubmit()");
}
