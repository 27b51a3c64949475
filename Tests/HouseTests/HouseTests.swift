import Testing
@Test("placeholder is replaced below") func house() {}
