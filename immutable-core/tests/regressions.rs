mod regressions {
    mod back;
    mod gates;
    mod kit;
    mod midway;
    mod proof;
    mod stable;
    mod traffic;
}
